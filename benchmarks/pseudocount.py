#!/usr/bin/env python3
"""How much of a fold change SADR keeps beside its pseudocount.

    V="example_data/variants.vcf.gz -f example_data/chr22.fa.gz -m example -s SAD,REF"
    enformer-vep score $V -o whole.tsv
    enformer-vep score $V --genes gencode.gtf.gz --gene-types protein_coding -o genes.tsv
    python benchmarks/pseudocount.py whole.tsv genes.tsv > benchmarks/results/pseudocount.tsv

With a = r + SAD and r = REF, the score is log2((a + c) / (r + c)) and the fold change log2(a / r). Printed is their
ratio over all rows and tracks (changes of 0 left out) at some percentiles, for several pseudocounts c.
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt

from enformer_vep.tables.reader import open_scores

PSEUDOCOUNTS = (1.0, 0.1, 0.01)
PERCENTILES = (1, 5, 25, 50)

Floats = npt.NDArray[np.float64]


def read(path: Path) -> tuple[Floats, Floats]:
    """Reference prediction and change of all rows and tracks."""
    table = open_scores(path)
    values = np.array([row.values for row in table.rows() if row.values is not None], np.float64)
    places = {}
    begin = 0
    for block in table.layout.blocks:
        places[block.score] = slice(begin, begin := begin + len(block.labels))
    return values[:, places["REF"]].ravel(), values[:, places["SAD"]].ravel()


def kept(reference: Floats, change: Floats, pseudocount: float) -> Floats:
    """Share of the fold change that is left."""
    some = change != 0
    reference, change = reference[some], change[some]
    return np.log1p(change / (reference + pseudocount)) / np.log1p(change / reference)


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("tables", nargs="+", type=Path)
    names = [f"percentile_{one}" for one in PERCENTILES]
    print("# log2 ratio with the pseudocount, as a share of the log2 fold change")
    print("table", "pseudocount", "values", *names, sep="\t")
    for path in parser.parse_args().tables:
        reference, change = read(path)
        for pseudocount in PSEUDOCOUNTS:
            shares = kept(reference, change, pseudocount)
            found = np.percentile(shares, PERCENTILES)
            print(path.name, f"{pseudocount:g}", len(shares), *(f"{one:.3f}" for one in found), sep="\t")


if __name__ == "__main__":
    main()
