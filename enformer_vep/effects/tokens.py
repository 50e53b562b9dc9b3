"""Tokens of contigs, computed once while windows go by."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

import numpy as np
import torch
from torch import Tensor

from enformer_vep.effects.network import Front
from enformer_vep.effects.sites import Place, Sites
from enformer_vep.genome.encoding import Codes

CHUNKS_PER_WINDOW = 12
"""A chunk has a twelfth of a window's tokens (128 of 1,536). Smaller ones spend more on their margins, larger ones more
on tokens outside the window when a single one is wanted."""

WINDOWS_KEPT = 2
"""Enough for windows around the transcription starts of every gene that has a variant in its window."""

TRACKS_KEPT = 48
"""Enough for four phases with three shifts on both strands in two precisions; 0.5 to 1 GB of a full-size Enformer."""

Convolve = Callable[[Tensor], Tensor]
"""From base codes, uint8 [n, P] on the CPU, to tokens [n, P / width, C] on the device; padded with zeros."""

_Track = tuple[Hashable, bool, int]
_Chunk = tuple[str, int]


def chunk_tokens(front: Front, window: int) -> int:
    """Tokens that are computed at a time."""
    return max(window // front.width // CHUNKS_PER_WINDOW, 1)


def bases_beside(front: Front, window: int) -> int:
    """Bases to either side of a window that a `TokenBuffer` may need, to complete its outermost chunks."""
    return (chunk_tokens(front, window) - 1 + front.edge) * front.width


class TokenBuffer:
    """Cuts windows out of tokens that are computed once per contig, strand and phase.

    Tokens come in chunks at fixed places of the contig, always convolved alone and with the same margins: their bytes
    depend neither on which window asked first nor on what else is kept. Memory is flat: of each strand and phase the
    chunks that were used last are kept, enough for `WINDOWS_KEPT` windows; and of strands and phases the `TRACKS_KEPT`
    that were used last, since windows off a grid (saturated stretches) may have any phase.

    Args:
        front: The part of the network that yields tokens.
        window: Window length L in bp.
    """

    def __init__(self, front: Front, window: int) -> None:
        self._front, self._tokens, self._chunk = front, window // front.width, chunk_tokens(front, window)
        self._capacity = WINDOWS_KEPT * (self._tokens // self._chunk + 2)
        self._tracks: OrderedDict[_Track, OrderedDict[_Chunk, Tensor]] = OrderedDict()

    def cut(self, sites: Sites, kind: Hashable, convolve: Convolve) -> Tensor:
        """Give the tokens of reference windows.

        Args:
            sites: The windows, and bases beside them as `bases_beside` says.
            kind: Tokens of different kinds (precisions) are kept apart.
            convolve: Computes tokens of this kind.

        Returns:
            [G, L / width, C], equal to convolving the windows to rounding.
        """
        front = self._front
        inside = slice(sites.beside, sites.beside + sites.window)
        if self._tokens <= 4 * front.edge:
            return convolve(torch.from_numpy(sites.codes[:, inside]))
        windows = zip(sites.places, sites.codes, strict=True)
        tokens = torch.stack([self._window(place, codes, sites.beside, kind, convolve) for place, codes in windows])
        # The outermost tokens, from twice as many: the inner half keeps the cut's own padding away from them.
        ends, edge = 2 * front.edge * front.width, front.edge
        outer = np.concatenate([sites.codes[:, inside][:, :ends], sites.codes[:, inside][:, -ends:]])
        left, right = convolve(torch.from_numpy(outer)).chunk(2)
        tokens[:, :edge], tokens[:, -edge:] = left[:, :edge], right[:, -edge:]
        return tokens

    def _window(self, place: Place, codes: Codes, beside: int, kind: Hashable, convolve: Convolve) -> Tensor:
        """Tokens [T, C] of one window, as if nothing were padded at its ends."""
        width, size = self._front.width, self._chunk
        first, phase = divmod(place.start, width)
        last = first + self._tokens
        track = self._track(kind, place.is_reverse, phase)
        parts = []
        for number in range(first // size, (last - 1) // size + 1):
            chunk = track.pop((place.contig, number), None)
            if chunk is None:
                begin = beside + ((number * size - self._front.edge) - first) * width
                length = (size + 2 * self._front.edge) * width
                chunk = self._compute(codes[begin : begin + length], convolve)
            track[place.contig, number] = chunk
            origin = number * size
            parts.append(chunk[max(first - origin, 0) : last - origin])
        while len(track) > self._capacity:
            track.popitem(last=False)
        return torch.cat(parts)

    def _track(self, kind: Hashable, is_reverse: bool, phase: int) -> OrderedDict[_Chunk, Tensor]:
        """The chunks of one kind, strand and phase."""
        name = (kind, is_reverse, phase)
        track = self._tracks.pop(name, None)
        if track is None:
            track = OrderedDict()
        self._tracks[name] = track
        while len(self._tracks) > TRACKS_KEPT:
            self._tracks.popitem(last=False)
        return track

    def _compute(self, codes: Codes, convolve: Convolve) -> Tensor:
        edge = self._front.edge
        # A copy of its own: a view would keep the margins alive.
        return convolve(torch.from_numpy(codes[None]))[0, edge : edge + self._chunk].clone()
