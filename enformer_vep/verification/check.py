"""What a check found."""

import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum

import numpy as np


class Verdict(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Check:
    """One line of a report.

    Attributes:
        name: What was looked at.
        verdict: How it ended.
        found: What was found, in words and numbers.
        meaning: What it means, and where to look; empty where it passed.
    """

    name: str
    verdict: Verdict
    found: str
    meaning: str = ""

    def line(self) -> str:
        """For people."""
        return f"{self.verdict}\t{self.name}\t{self.found}" + (f"\t{self.meaning}" if self.meaning else "")


def within(name: str, error: float, limit: float, meaning: str) -> Check:
    """Hold a relative error against a limit; NaN fails."""
    passed = error <= limit
    found = f"relative error {error:.1e}, at most {limit:.0e}"
    return Check(name, Verdict.PASSED if passed else Verdict.FAILED, found, "" if passed else meaning)


def relative_error(got: object, expected: object) -> float:
    """Norm of the difference over the norm of what is expected; infinite for another shape, or where 0 is expected."""
    left, right = np.asarray(got, dtype=np.float64), np.asarray(expected, dtype=np.float64)
    if left.shape != right.shape:
        return math.inf
    difference, size = np.linalg.norm(left - right), np.linalg.norm(right)
    if size == 0:
        return math.inf if difference != 0 else 0.0
    return float(difference / size)


def report_json(checks: Iterable[Check], **about: object) -> str:
    """All checks as one JSON object, with what else is to be said."""
    listed = list(checks)
    return json.dumps({**about, "passed": passed(listed), "checks": [asdict(one) for one in listed]}, indent=2)


def passed(checks: Iterable[Check]) -> bool:
    """Whether none failed."""
    return all(one.verdict is not Verdict.FAILED for one in checks)
