"""Telling BGZF, plain gzip and text apart, and noticing files that are cut short.

BGZF is gzip in blocks (SAM specification, section 4.1): every block carries a `BC` extra field, and the
last one is an empty block of 28 fixed bytes. htslib only warns when that block is missing.
"""

from pathlib import Path

from enformer_vep.errors import InputError

EOF_MARKER = bytes.fromhex("1f8b08040000000000ff0600424302001b0003000000000000000000")
HEAD_LENGTH = 18
_GZIP_MAGIC = b"\x1f\x8b"


def is_gzip(head: bytes) -> bool:
    """Whether a file that begins with `head` is gzip, BGZF included."""
    return head.startswith(_GZIP_MAGIC)


def is_bgzf(head: bytes) -> bool:
    """Whether a file whose first 18 bytes are `head` is BGZF."""
    has_extra_field = len(head) >= HEAD_LENGTH and bool(head[3] & 4)
    return is_gzip(head) and has_extra_field and head[12:14] == b"BC"


def read_head(path: Path, what: str) -> bytes:
    """Reads the first bytes of a regular, non-empty, readable file.

    Args:
        path: The file.
        what: What the file should be, for the message: "VCF", "FASTA".

    Returns:
        Up to 18 bytes.

    Raises:
        InputError: The file is missing, a directory, unreadable or empty.
    """
    if path.is_dir():
        raise InputError(f"{path} is a directory; give the {what} file inside it")
    try:
        with path.open("rb") as handle:
            head = handle.read(HEAD_LENGTH)
    except FileNotFoundError:
        raise InputError(f"{what} file {path} does not exist; check the path") from None
    except OSError as error:
        reason = error.strerror
        raise InputError(f"{what} file {path} cannot be read ({reason}); check its permissions") from None
    if not head:
        raise InputError(f"{what} file {path} is empty; check how it was made or copy it again")
    return head


def ends_with_marker(path: Path) -> bool:
    """Whether a BGZF file ends with the empty block that marks a complete file."""
    with path.open("rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(max(size - len(EOF_MARKER), 0))
        return handle.read() == EOF_MARKER


def require_complete(path: Path, what: str) -> None:
    """Raises `InputError` for a BGZF file without its end-of-file block."""
    if not ends_with_marker(path):
        raise InputError(
            f"{what} file {path} is truncated (its BGZF end-of-file block is missing); "
            "copy or compress it again"
        )
