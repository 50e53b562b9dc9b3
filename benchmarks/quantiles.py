#!/usr/bin/env python3
"""What a z-score of 3 and the two kinds of quantiles say, by the background of a calibration, class by class.

    python benchmarks/quantiles.py [CALIBRATION] > benchmarks/results/quantiles.tsv

Without a file, the calibration of the model `example`. Columns, medians over tracks unless said otherwise:

- `beyond_3`: share of the background whose z-score is beyond 3 on either side (0.0027 of a normal distribution);
- `z_of_99`: the size of z-score that 1 % exceed (2.58 of a normal distribution);
- `difference`, `largest`: how far sign(x) F(abs(x)) and 2 G(x) - 1 are apart where they are farthest; `largest` is the
  largest of all tracks. NA for scores without a sign, where both are F.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.calibration import Distribution, read_calibration
from enformer_vep.calibration.distribution import NORMAL_RANGE
from enformer_vep.scoring.calibrated import calibration_path

Floats = npt.NDArray[np.float64]
STEPS = np.linspace(0, 60, 6001)


def beyond(one: Distribution, z: Floats) -> Floats:
    """Share of the background whose z-score is larger in size than each z: [z, tracks]."""
    width = one.scale.scale / NORMAL_RANGE
    above, below = (one.scale.centre + side * z[:, None] * width for side in (1, -1))
    return rank(one, below) + 1 - rank(one, above)


def rank(one: Distribution, values: Floats) -> Floats:
    """Share of the background below values [any number, tracks]."""
    numbers = np.asarray(values, np.float32)
    signed = one.signed_ranks()
    if signed is None:
        return np.maximum(one.size_ranks().signed_quantiles(numbers), 0).astype(float)
    return (signed.centred_quantiles(numbers).astype(float) + 1) / 2


def differences(one: Distribution) -> Floats | None:
    """The largest difference of the two quantiles, of each track."""
    signed = one.signed_ranks()
    if signed is None or one.signed is None:
        return None
    values = np.ascontiguousarray(one.signed.values.T)
    between = (values[1:] + values[:-1]) / 2
    both = (table(between) for table in (one.size_ranks().signed_quantiles, signed.centred_quantiles))
    ours, theirs = both
    return np.abs(ours - theirs).max(axis=0).astype(float)


def row(one: Distribution) -> list[str]:
    """The numbers of one score and class."""
    exceeding = beyond(one, STEPS)
    z_of_99 = STEPS[(exceeding > 0.01).sum(axis=0).clip(max=len(STEPS) - 1)]
    apart = differences(one)
    last = ["NA", "NA"] if apart is None else [f"{np.median(apart):.3f}", f"{apart.max():.3f}"]
    at_3 = beyond(one, np.array([3.0]))[0]
    return [str(one.count), f"{np.median(at_3):.4f}", f"{np.median(z_of_99):.2f}", *last]


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("calibration", nargs="?", type=Path, default=Path("example"))
    calibration = read_calibration(calibration_path(parser.parse_args().calibration))
    print(f"# model sha256 begins {str(calibration.identity['model'])[:12]}; --indels {calibration.identity['indels']}")
    print("score", "class", "alleles", "beyond_3", "z_of_99", "difference", "largest", sep="\t")
    for score in calibration.scores:
        for kind, one in score.classes.items():
            print(score.score, kind, *row(one), sep="\t")


if __name__ == "__main__":
    main()
