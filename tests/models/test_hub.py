import hashlib
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import huggingface_hub.constants
import pytest

from enformer_vep.errors import ModelError
from enformer_vep.models import hub
from enformer_vep.models.checkpoints import LoadedModel, load_model, save_model
from tests.comparison import WINDOW

TABLE = "index\tidentifier\n0\tENCFF000AAA\n"


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty caches, no network, and the golden model in place of the official weights."""
    monkeypatch.setenv("ENFORMER_VEP_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(hub, "TABLE_ADDRESS", (tmp_path / "web").as_uri() + "/{organism}.txt")
    monkeypatch.setattr(hub, "TABLES", {"human": sha256(TABLE.encode()), "mouse": sha256(b"")})


@pytest.fixture
def official(tiny_directory: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes the golden model the one that is pinned; returns its directory."""
    monkeypatch.setattr(
        hub, "FILES", {path.name: sha256(path.read_bytes()) for path in sorted(tiny_directory.iterdir())}
    )
    return tiny_directory


@pytest.fixture
def cached(official: Path, tmp_path: Path) -> Path:
    """Puts the golden model where huggingface_hub keeps what it has fetched."""
    repository = tmp_path / "hub" / f"models--{hub.REPOSITORY.replace('/', '--')}"
    snapshot = repository / "snapshots" / hub.REVISION
    snapshot.mkdir(parents=True)
    for path in official.iterdir():
        (snapshot / path.name).write_bytes(path.read_bytes())
    return snapshot


@pytest.fixture
def published_table(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    path = tmp_path / "web" / "human.txt"
    path.write_text(TABLE)
    return path


def test_cached_weights_need_no_network(cached: Path, tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", pytest.fail)
    assert hub.cached_official_weights() == cached
    loaded = load_model("enformer", None, WINDOW, offline=True)
    assert (loaded.name, loaded.sha256) == ("enformer", tiny.sha256)


def test_absent_weights_are_fetched(official: Path, tiny: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, str, str]] = []

    def download(repository: str, name: str, revision: str) -> str:
        asked.append((repository, name, revision))
        return str(official / name)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert load_model("enformer", window=WINDOW).sha256 == tiny.sha256
    assert asked == [(hub.REPOSITORY, name, hub.REVISION) for name in hub.FILES]


def test_damaged_weights(cached: Path) -> None:
    path = cached / "model.safetensors"
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ModelError, match=r"model\.safetensors: damaged, its SHA-256 is not .*: delete it"):
        load_model("enformer")


def test_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> str:
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(ModelError, match=r"cannot fetch config\.json .*\(no route\): run `enformer-vep down"):
        load_model("enformer")
    assert hub.cached_official_weights() is None


@pytest.mark.parametrize("how", ["argument", "variable"])
def test_offline_never_tries(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", pytest.fail)
    if how == "variable":
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="is not on this machine: run `enformer-vep download`"):
        load_model("enformer", offline=how == "argument")


def test_example(tiny: LoadedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub.resources, "files", lambda package: tmp_path)
    with pytest.raises(ModelError, match="carries no example model"):
        load_model("example")
    (tmp_path / "data").mkdir()
    save_model(tiny.network, tmp_path / "data" / "example.safetensors")
    loaded = load_model("example")
    assert (loaded.name, loaded.sha256) == ("example", tiny.sha256)


def test_table_is_fetched_once(published_table: Path) -> None:
    assert hub.fetch_targets("human") == TABLE
    published_table.unlink()
    assert hub.fetch_targets("human", offline=True) == TABLE
    assert hub.table_path("human").read_text() == TABLE


def test_table_that_cannot_be_had(caplog: pytest.LogCaptureFixture) -> None:
    assert hub.fetch_targets("human") is None
    assert "no track table for human" in caplog.text
    assert "--targets FILE" in caplog.text


def test_offline_table(published_table: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert hub.fetch_targets("human", offline=True) is None
    assert "(offline)" in caplog.text


def test_table_that_is_not_the_pinned_one(published_table: Path, caplog: pytest.LogCaptureFixture) -> None:
    published_table.write_text("<html>log in first</html>")
    assert hub.fetch_targets("human") is None
    assert "is not the table it should be" in caplog.text
    assert list(hub.table_path("human").parent.iterdir()) == []


def test_damaged_table_is_fetched_again(published_table: Path) -> None:
    hub.fetch_targets("human")
    hub.table_path("human").write_text("half of i")
    assert hub.fetch_targets("human") == TABLE


def test_tables_come_with_the_official_weights(cached: Path, published_table: Path) -> None:
    assert load_model("enformer", ("human",), WINDOW).metadata == {"targets_human": TABLE}


def test_cache_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert hub.table_path("human") == tmp_path / "cache" / "targets_human.txt"
    monkeypatch.delenv("ENFORMER_VEP_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert hub.table_path("human") == tmp_path / "xdg" / "enformer-vep" / "targets_human.txt"


@pytest.fixture
def server(official: Path) -> Iterator[str]:
    """A hub of one model on this machine."""

    class Handler(BaseHTTPRequestHandler):
        def answer(self, with_body: bool) -> None:
            path = official / self.path.split("/")[-1]
            known = self.path.startswith(f"/{hub.REPOSITORY}/resolve/{hub.REVISION}/") and path.is_file()
            content = path.read_bytes() if known else b""
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("X-Repo-Commit", hub.REVISION)
            self.send_header("ETag", f'"{sha256(content)}"')
            self.end_headers()
            if with_body:
                self.wfile.write(content)

        def do_GET(self) -> None:
            self.answer(with_body=True)

        def do_HEAD(self) -> None:
            self.answer(with_body=False)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


def test_real_huggingface_hub_against_a_local_server(server: str, official: Path, tmp_path: Path) -> None:
    """In a process of its own: the library reads its variables when it is imported."""
    program = f"from enformer_vep.models import hub; hub.FILES = {hub.FILES!r}; print(hub.official_weights())"
    environment = {**os.environ, "HF_ENDPOINT": server, "HF_HOME": str(tmp_path / "home")}
    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    directory = Path(run.stdout.strip())
    assert directory.is_relative_to(tmp_path / "home"), run.stderr
    assert (directory / "model.safetensors").read_bytes() == (official / "model.safetensors").read_bytes()
    again = {**environment, "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}
    run = subprocess.run([sys.executable, "-c", program], env=again, capture_output=True, text=True)
    assert Path(run.stdout.strip()) == directory, run.stderr
