"""Which positive gets which negatives: nearest neighbours within calipers, each used once."""

import zlib
from collections.abc import Callable, Sequence

import numpy as np

from enformer_vep.eqtl.pools import Place


def pair(
    numbers: Sequence[int], pool: Callable[[int], Sequence[Place]], wanted: int, seed: int, name: str
) -> list[list[Place]]:
    """Lets positives choose in turn, in an order drawn anew for every round, until each has enough or finds none.

    In every round each positive takes the nearest that nobody has taken: so none is left without while another gets
    its second.

    Args:
        numbers: The positives' pools.
        pool: Gives a pool, the nearest first.
        wanted: Negatives per positive.
        seed: Fixes the order, with the name.
        name: Such as the tissue's, so that tissues do not depend on each other.

    Returns:
        Of each positive, its negatives, the nearest first.
    """
    random = np.random.default_rng([seed, zlib.crc32(name.encode())])
    pools = [pool(number) for number in numbers]
    chosen: list[list[Place]] = [[] for _ in numbers]
    following = [0] * len(numbers)
    taken = set()
    for _ in range(wanted):
        for one in random.permutation(len(numbers)).tolist():
            while following[one] < len(pools[one]):
                place = pools[one][following[one]]
                following[one] += 1
                if place.key.either not in taken:
                    taken.add(place.key.either)
                    chosen[one].append(place)
                    break
    return chosen
