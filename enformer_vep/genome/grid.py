"""Windows that begin on a grid of their contig, so that what a network computes of the contig serves all of them.

Pure functions. Starts are 0-based, negative when a window begins before its contig.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from enformer_vep.errors import UsageError
from enformer_vep.genome.windows import window_start


@dataclass(frozen=True, slots=True)
class WindowGrid:
    """Where windows may begin.

    A variant has a window in every phase, the nearest one to the window centred on it. Phases are evenly spaced, so
    these windows lie evenly within half a token of that one. One in the middle is the variant's window, in which bins
    are counted; the others are shifts of it.

    Attributes:
        window: Window length in bp, even.
        width: Base pairs per token.
        phases: How far, in bp, the starts of windows lie from multiples of `width`.
    """

    window: int
    width: int
    phases: tuple[int, ...] = (0,)

    def __post_init__(self) -> None:
        """Raises UsageError when the phases are not evenly spaced."""
        spacing = self.width // max(len(self.phases), 1)
        even = {self.phases[0] % self.width + number * spacing for number in range(len(self.phases))}
        if {one % self.width for one in even} != set(self.phases) or spacing * len(self.phases) != self.width:
            half, quarter = self.width // 2, self.width // 4
            raise UsageError(
                f"--phases {','.join(map(str, self.phases))}: give offsets from 0 to {self.width - 1} that are evenly "
                f"spaced, such as 0,{half} or 0,{quarter},{half},{half + quarter}"
            )

    @property
    def spacing(self) -> int:
        """Base pairs from one possible start of a window to the next, of any phase."""
        return self.width // len(self.phases)

    @property
    def slack(self) -> int:
        """Largest distance in bp between the window of a variant and the one centred on it."""
        return self.width // 2

    @property
    def offsets(self) -> tuple[int, ...]:
        """Where the windows of all phases begin, from the start of the variant's window, in bp."""
        count = len(self.phases)
        return tuple((number - count // 2) * self.spacing for number in range(count))

    def views(self, shifts: Sequence[int]) -> tuple[int, ...]:
        """Shifts of the variant's window that are averaged over: every one of `shifts` in every phase."""
        return tuple(offset + shift for offset in self.offsets for shift in shifts)

    def around(self, position: int) -> int:
        """Start of the window of a variant whose first REF base is at `position`, 0-based.

        It is at most `slack` bp from the start of the window centred there, and so are those of all phases.
        """
        # The first of these windows begins here or right of here.
        first = window_start(position, self.window) - self.slack + 1
        first += (self.phases[0] - first) % self.spacing
        return first - self.offsets[0]
