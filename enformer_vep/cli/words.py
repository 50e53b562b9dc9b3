"""Words of the command line, read into settings."""

import re

from enformer_vep.errors import UsageError
from enformer_vep.settings import Score


def parse_scores(text: str) -> tuple[Score, ...]:
    """Read "SAD,SADR" (any case) or "all".

    Raises:
        UsageError: On a name that is no score.
    """
    names = [name.strip().upper() for name in text.split(",") if name.strip()]
    if names == ["ALL"]:
        return tuple(Score)
    unknown = [name for name in names if name not in Score.__members__]
    if unknown:
        raise UsageError(f"unknown score {', '.join(unknown)}: choose from {', '.join(Score)}, or all")
    return tuple(Score(name) for name in names)


def parse_bins(text: str) -> int | None:
    """Read "all" or "center:N".

    Returns:
        N, or None for all bins.

    Raises:
        UsageError: On anything else.
    """
    if text == "all":
        return None
    match = re.fullmatch(r"cent(?:er|re):(\d+)", text)
    if not match or int(match[1]) < 1:
        raise UsageError(
            f"cannot read --bins {text}: write all, or center:N for the N bins around the variant"
        )
    return int(match[1])


def parse_shifts(text: str) -> tuple[int, ...]:
    """Read "-1,0,1" into base pairs.

    Raises:
        UsageError: When a part is not a whole number.
    """
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"cannot read --shifts {text}: write whole numbers of bp, such as -1,0,1") from None


def parse_batch_size(text: str) -> int | None:
    """Read "auto" (None) or a positive number of alleles.

    Raises:
        UsageError: On anything else.
    """
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise UsageError(f"cannot read --batch-size {text}: write auto, or how many alleles to run at once")
    return int(text)


def parse_devices(text: str) -> tuple[str, ...]:
    """Read "0,1", "cuda:0,cuda:1", "cpu,cpu" or "all" (left as it is: only PyTorch knows how many).

    Raises:
        UsageError: When nothing is named, or a GPU twice.
    """
    names = tuple(
        f"cuda:{part}" if part.isdecimal() else part for part in map(str.strip, text.split(",")) if part
    )
    if not names or any(names.count(name) > 1 for name in names if name != "cpu"):
        raise UsageError(
            f"cannot read --devices {text}: write numbers of GPUs, each once, such as 0,1, or all"
        )
    return names


def parse_words(text: str, option: str) -> tuple[str, ...]:
    """Read "protein_coding,lncRNA".

    Raises:
        UsageError: When there is no word.
    """
    words = tuple(word for word in map(str.strip, text.split(",")) if word)
    if not words:
        raise UsageError(f"{option} is empty: leave it out for all")
    return words
