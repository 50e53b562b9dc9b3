"""Sequences shuffled so that every pair of neighbouring bases stays as frequent as it was.

Altschul and Erikson, "Significance of nucleotide sequence alignments: a method for random sequence permutation that
preserves dinucleotide and codon usage", Molecular Biology and Evolution 2(6), 1985. A sequence is a path that uses
every edge from a base to its successor once; another such path over the same edges is a shuffle. A path that ends in
the last base of the sequence is fixed by the order in which each base's edges are used, and any order will do in which
the last edges of the other bases lead, followed from base to base, to that end. All shuffles are equally likely. The
first and the last base stay what they are.
"""

import numpy as np

from enformer_vep.genome.encoding import Codes

SYMBOLS = 5
"""A, C, G, T, and what is none of these."""


def shuffle_dinucleotides(codes: Codes, generator: np.random.Generator) -> Codes:
    """Draw one of all sequences with the same dinucleotide counts, first and last base, each with equal probability.

    Args:
        codes: uint8 [L], base codes.
        generator: Source of randomness.

    Returns:
        uint8 [L], a new array.
    """
    if len(codes) < 3:
        return codes.copy()
    end = int(codes[-1])
    successors = [codes[1:][codes[:-1] == symbol] for symbol in range(SYMBOLS)]
    last = _last_edges(successors, end, generator)
    orders = [_order(edges, last.get(symbol), generator) for symbol, edges in enumerate(successors)]
    return _walk(int(codes[0]), len(codes), orders)


def _last_edges(successors: list[Codes], end: int, generator: np.random.Generator) -> dict[int, int]:
    """For each base but the end, which of its edges is used last: all such choices that lead to the end alike.

    Wilson's algorithm (1996): from each base a random walk to what is connected already, of which every base keeps the
    edge by which it was left for the last time. Drawing until a choice is right would take long in low complexity.
    """
    last: dict[int, int] = {}
    connected = {end}
    for first in (symbol for symbol, edges in enumerate(successors) if len(edges)):
        symbol = first
        while symbol not in connected:
            last[symbol] = int(generator.integers(len(successors[symbol])))
            symbol = int(successors[symbol][last[symbol]])
        symbol = first
        while symbol not in connected:
            connected.add(symbol)
            symbol = int(successors[symbol][last[symbol]])
    return last


def _order(edges: Codes, last: int | None, generator: np.random.Generator) -> list[int]:
    """A random order of a base's edges, the chosen one last."""
    if last is None:
        return [int(edge) for edge in generator.permutation(edges)]
    return [*(int(edge) for edge in generator.permutation(np.delete(edges, last))), int(edges[last])]


def _walk(first: int, length: int, orders: list[list[int]]) -> Codes:
    edges = [iter(order) for order in orders]
    path = [first]
    for _ in range(length - 1):
        path.append(next(edges[path[-1]]))
    return np.array(path, dtype=np.uint8)
