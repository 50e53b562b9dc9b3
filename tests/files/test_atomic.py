"""A file under its name is complete, or it is not there."""

import errno
import os
import stat
from pathlib import Path

import pytest

from enformer_vep.errors import OutputError
from enformer_vep.files.atomic import complete_or_absent, explained


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_appears_only_after_the_block(tmp_path):
    destination = tmp_path / "scores.tsv"
    with complete_or_absent(destination) as temporary:
        temporary.write_text("all of it")
        assert temporary.parent == tmp_path
        assert not destination.exists()
    assert destination.read_text() == "all of it"
    assert names(tmp_path) == ["scores.tsv"]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_failure_leaves_nothing(tmp_path, failure):
    with pytest.raises(failure), complete_or_absent(tmp_path / "scores.tsv") as temporary:
        temporary.write_text("half")
        temporary.with_name(temporary.name + ".tbi").write_text("its index")
        raise failure
    assert names(tmp_path) == []


def test_failure_keeps_the_file_that_was_there(tmp_path):
    destination = tmp_path / "scores.tsv"
    destination.write_text("yesterday")
    with pytest.raises(RuntimeError), complete_or_absent(destination) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert destination.read_text() == "yesterday"


def test_an_index_is_renamed_with_its_file_and_a_stale_one_goes(tmp_path):
    destination = tmp_path / "scores.tsv.gz"
    for suffix in ("", ".tbi", ".csi"):
        (tmp_path / f"scores.tsv.gz{suffix}").write_text("old")
    with complete_or_absent(destination) as temporary:
        temporary.write_text("new")
        temporary.with_name(temporary.name + ".tbi").write_text("new index")
    assert names(tmp_path) == ["scores.tsv.gz", "scores.tsv.gz.tbi"]
    assert (tmp_path / "scores.tsv.gz.tbi").read_text() == "new index"


@pytest.mark.parametrize(("umask", "expected"), [(0o022, 0o644), (0o077, 0o600), (0o000, 0o664)])
def test_permissions_respect_the_umask_and_are_never_world_writable(tmp_path, umask, expected):
    destination = tmp_path / "scores.tsv"
    before = os.umask(umask)
    try:
        with complete_or_absent(destination):
            pass
    finally:
        os.umask(before)
    assert stat.S_IMODE(destination.stat().st_mode) == expected


def test_a_replaced_file_hands_its_permissions_on(tmp_path):
    destination = tmp_path / "scores.tsv"
    destination.touch(mode=0o600)
    with complete_or_absent(destination):
        pass
    assert stat.S_IMODE(destination.stat().st_mode) == 0o600


def test_a_symbolic_link_stays_one(tmp_path):
    (tmp_path / "disk").mkdir()
    link = tmp_path / "scores.tsv"
    link.symlink_to(tmp_path / "disk" / "real.tsv")
    with complete_or_absent(link) as temporary:
        temporary.write_text("rows")
    assert link.is_symlink()
    assert (tmp_path / "disk" / "real.tsv").read_text() == "rows"


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"is a folder; give a file name"), complete_or_absent(tmp_path):
        pass


def test_a_missing_folder_is_refused(tmp_path):
    destination = tmp_path / "absent" / "scores.tsv"
    with pytest.raises(OutputError, match=r"absent does not exist; make the folder first"):
        complete_or_absent(destination).__enter__()


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EACCES, "choose a folder that you may write to"),
        (errno.EROFS, "choose a folder that you may write to"),
        (errno.ENOSPC, "free some space"),
        (errno.EDQUOT, "free some of your quota"),
        (errno.EIO, "choose another destination"),
    ],
)
def test_a_file_that_cannot_be_made_is_explained_in_one_line(tmp_path, monkeypatch, number, remedy):
    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number), "temporary")

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(OutputError) as caught:
        complete_or_absent(tmp_path / "scores.tsv").__enter__()
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/scores.tsv: cannot write: {os.strerror(number)}")
    assert remedy in message
    assert "\n" not in message
    assert "temporary" not in message


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write to any folder")
def test_a_read_only_folder_is_explained(tmp_path):
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(OutputError, match="choose a folder that you may write to"):
            complete_or_absent(tmp_path / "scores.tsv").__enter__()
    finally:
        tmp_path.chmod(0o755)


def test_a_closed_pipe_is_not_an_output_error():
    with pytest.raises(BrokenPipeError), explained("scores.tsv"):
        raise BrokenPipeError(errno.EPIPE, "Broken pipe")
