"""Models that have a name: the official weights on the Hugging Face hub, and the example in this package.

Everything that comes over the network is pinned: the revision, and the SHA-256 of every file.
"""

import logging
import os
import urllib.error
import urllib.request
from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from enformer_vep.errors import ModelError, OutputError
from enformer_vep.files.atomic import complete_or_absent
from enformer_vep.files.sha256 import sha256_of

logger = logging.getLogger(__name__)

OFFICIAL_NAME = "enformer"
EXAMPLE_NAME = "example"
REPOSITORY = "EleutherAI/enformer-official-rough"
REVISION = "affe5713ae9017460706a44108289b13c5fee16c"
FILES = {
    "config.json": "ad7a0e07b2fe40fd4c93a8528416406b4429f303946f5a93209ef26f160a034f",
    "pytorch_model.bin": "99b09d602e195d89c7d4debe144bb2f43907ba0d74006e97098e99d9171c439c",
}
"""Files of the official weights and their SHA-256."""

TABLE_ADDRESS = (
    "https://raw.githubusercontent.com/calico/basenji/24403ec79bc71c803c258efce9e98ddc2ca9a48d/"
    "manuscripts/cross2020/targets_{organism}.txt"
)
TABLES = {
    "human": "d90233175a9fec389e5ac04cc4aac8cfc08c4aa86217e2e5c10221de78023580",
    "mouse": "f76c869a38bfc79690d7a43e86f155db9b8ac8085ff5a717f99358b3253cd230",
}
"""Track tables of the official weights by organism and their SHA-256."""
TIMEOUT = 30.0
_REMEDY = (
    "run `enformer-vep download` where there is a network and point HF_HOME to a copy of its cache, "
    "or give --model a path"
)


def _is_offline() -> bool:
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def example_weights() -> Path:
    """Path of the example model in this package; raises ModelError when this installation has none."""
    path = Path(str(resources.files("enformer_vep"))) / "data" / "example.safetensors"
    if not path.is_file():
        raise ModelError(
            "this version carries no example model: use enformer, or a toy from `enformer-vep random-model`"
        )
    return path


def official_weights(*, offline: bool = False) -> Path:
    """Directory of the official weights, hashes checked: from the hub's cache, or else from the hub.

    HF_HUB_OFFLINE and HF_HOME mean what they mean to huggingface_hub.

    Raises:
        ModelError: When the weights cannot be had, or are not what they should be.
    """
    paths = [_official_file(name, offline=offline) for name in FILES]
    for path, expected in zip(paths, FILES.values(), strict=True):
        if sha256_of(path) != expected:
            raise ModelError(f"{path}: damaged, its SHA-256 is not {expected}: delete it and download it again")
    return paths[0].parent


def cached_official_weights() -> Path | None:
    """Directory of the official weights if they are in the hub's cache; their hashes are not checked."""
    paths = [_cached_file(name) for name in FILES]
    return paths[0].parent if paths[0] and all(paths) else None


def _official_file(name: str, *, offline: bool) -> Path:
    cached = _cached_file(name)
    if cached is not None:
        return cached
    if offline or _is_offline():
        raise ModelError(f"{name} of {REPOSITORY} is not on this machine: {_REMEDY}")
    from huggingface_hub import hf_hub_download

    logger.info("fetching %s of %s", name, REPOSITORY)
    try:
        return Path(hf_hub_download(REPOSITORY, name, revision=REVISION))
    # Its errors come from requests or httpx, by version; all of them mean that there is no file.
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ModelError(f"cannot fetch {name} of {REPOSITORY} ({reason}): {_REMEDY}") from error


def _cached_file(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(REPOSITORY, name, revision=REVISION)
    return Path(found) if isinstance(found, str) else None


def track_tables(organisms: Iterable[str], *, offline: bool = False) -> dict[str, str]:
    """Track tables of the official weights as metadata: "targets_human" to the table's text, and so on.

    A table that cannot be had is left out, with a warning.
    """
    texts = {organism: fetch_targets(organism, offline=offline) for organism in organisms}
    return {f"targets_{organism}": text for organism, text in texts.items() if text is not None}


def fetch_targets(organism: str, *, offline: bool = False) -> str | None:
    """The published track table of the official weights; None, with a warning, when it cannot be had."""
    text = cached_targets(organism)
    if text is None:
        try:
            if offline or _is_offline():
                raise OSError("offline")
            _download_table(organism, table_path(organism))
        except (OSError, ValueError, OutputError) as error:
            logger.warning(
                "no track table for %s (%s): tracks have numbers instead of names; "
                "run `enformer-vep download` where there is a network, or give --targets FILE",
                organism, error,
            )  # fmt: skip
            return None
        text = cached_targets(organism)
    return text


def cached_targets(organism: str) -> str | None:
    """Track table of the official weights if a sound copy is on this machine."""
    path = table_path(organism)
    sound = path.is_file() and sha256_of(path) == TABLES[organism]
    return path.read_text(encoding="utf-8") if sound else None


def table_path(organism: str) -> Path:
    """Where an organism's track table is kept."""
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    own = os.environ.get("ENFORMER_VEP_CACHE")
    return (Path(own) if own else base / "enformer-vep") / f"targets_{organism}.txt"


def _download_table(organism: str, path: Path) -> None:
    address = TABLE_ADDRESS.format(organism=organism)
    with urllib.request.urlopen(address, timeout=TIMEOUT) as response:
        content = response.read()
    path.parent.mkdir(parents=True, exist_ok=True)
    with complete_or_absent(path) as temporary:
        temporary.write_bytes(content)
        if sha256_of(temporary) != TABLES[organism]:
            raise ValueError(f"{address} is not the table it should be")
