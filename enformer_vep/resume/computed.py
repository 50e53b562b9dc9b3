"""How a file was computed: what does not make it another run, but changes its last digits."""

from collections.abc import Mapping

Computed = Mapping[str, object]
"""Batch size, device, and on a CPU threads; under "earlier" those of earlier processes that did otherwise."""

_EARLIER = "earlier"


def ways_of(computed: Computed) -> list[Computed]:
    """All ways in which parts of a file were computed, the last process's first."""
    now = {name: value for name, value in computed.items() if name != _EARLIER}
    earlier = computed.get(_EARLIER)
    return [now, *(earlier if isinstance(earlier, list) else [])]


def gone_on_with(before: Computed, now: Computed) -> dict[str, object]:
    """How a file is computed that was begun one way and goes on another, or the same."""
    ways: list[Computed] = []
    for way in (*ways_of(now), *ways_of(before)):
        if way not in ways:
            ways.append(way)
    return {**ways[0], _EARLIER: ways[1:]} if len(ways) > 1 else dict(ways[0])


def in_words(way: Computed) -> str:
    """Such as "cpu, 2 threads, batches of 1"."""
    threads = way.get("threads")
    many = "" if threads is None else f", {threads} thread{'' if threads == 1 else 's'}"
    return f"{way.get('device')}{many}, batches of {way.get('batch-size')}"
