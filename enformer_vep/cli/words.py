"""Words of the command line, read into the values of settings: called by click, which reports a ValueError."""

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from enformer_vep.errors import UsageError
from enformer_vep.settings import AUTOMATIC_REFINEMENT, Refinement, Score

T = TypeVar("T")


def read_by(read: Callable[[str], T]) -> Callable[[click.Context, click.Parameter, Any], T | None]:
    """Make an option's callback that turns its word, if there is one, into a value.

    Args:
        read: Raises ValueError or UsageError with a message that says what is accepted.
    """

    def callback(context: click.Context, option: click.Parameter, word: str | None) -> T | None:
        try:
            return read(word) if isinstance(word, str) else None
        except (ValueError, UsageError) as error:
            raise click.BadParameter(str(error), context, option) from None

    return callback


def read_scores(text: str) -> tuple[Score, ...]:
    """Read "SAD,SADR" (any case) or "all"."""
    names = tuple(name.upper() for name in _split(text))
    if names == ("ALL",):
        return tuple(Score)
    unknown = [name for name in names if name not in Score.__members__]
    if unknown:
        raise ValueError(f"unknown score {', '.join(unknown)}: choose from {', '.join(Score)}, or all")
    return tuple(map(Score, names))


def read_bins(text: str) -> int | None:
    """Read "all" (None) or "center:N"."""
    if text == "all":
        return None
    match = re.fullmatch(r"cent(?:er|re):0*([1-9]\d*)", text)
    if not match:
        raise ValueError(f"cannot read {text!r}: write all, or center:N for the N bins around the variant")
    return int(match[1])


def read_shifts(text: str) -> tuple[int, ...]:
    """Read "-1,0,1" into base pairs."""
    try:
        return tuple(map(int, text.split(",")))
    except ValueError:
        raise ValueError(f"cannot read {text!r}: write whole numbers of bp, such as -1,0,1") from None


def read_share(text: str) -> float:
    """Read "1%" or "0.5 %"."""
    match = re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+) ?%", text)
    if not match or float(match[1]) > 100:
        raise ValueError(f"cannot read {text!r}: write a share such as 1%")
    return float(match[1]) / 100


def read_refinement(text: str) -> Refinement:
    """Read "auto", "20" or "1%"."""
    if text == "auto":
        return AUTOMATIC_REFINEMENT
    if text.isdecimal():
        return Refinement(share=None, count=int(text))
    try:
        return Refinement(share=read_share(text))
    except ValueError:
        raise ValueError(f"cannot read {text!r}: write a number of alleles, a share such as 1%, or auto") from None


def read_batch_size(text: str) -> int | None:
    """Read "auto" (None) or a positive number of alleles."""
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"cannot read {text!r}: write auto, or how many alleles to run at once")
    return int(text)


def read_devices(text: str) -> tuple[str, ...]:
    """Read "0,1", "cuda:0,cuda:1", "cpu,cpu" or "all" (left as it is: only PyTorch knows how many)."""
    names = tuple(f"cuda:{part}" if part.isdecimal() else part for part in _split(text))
    if not names or any(names.count(name) > 1 for name in names if name != "cpu"):
        raise ValueError(f"cannot read {text!r}: write numbers of GPUs, each once, such as 0,1, or all")
    return names


def read_names(text: str) -> tuple[str, ...]:
    """Read "protein_coding,lncRNA"."""
    names = _split(text)
    if not names:
        raise ValueError("no name is given: leave the option out for all")
    return names


def read_numbers(text: str) -> tuple[int, ...]:
    """Read "0,3-5" into 0, 3, 4, 5."""
    numbers: list[int] = []
    for word in _split(text):
        match = re.fullmatch(r"(\d{1,6})(?:-(\d{1,6}))?", word)
        if not match or int(match[2] or match[1]) < int(match[1]):
            raise ValueError(f"cannot read {text!r}: write numbers from 0 and ranges, such as 0,3-5")
        numbers += range(int(match[1]), int(match[2] or match[1]) + 1)
    if not numbers:
        raise ValueError("no number is given: leave the option out for all")
    return tuple(numbers)


def _split(text: str) -> tuple[str, ...]:
    return tuple(word for word in map(str.strip, text.split(",")) if word)
