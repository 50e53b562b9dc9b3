"""Make the files behind `enformer-vep verify`: published outputs of the official weights, and the sequence they need.

    python tools/make_published.py TABLE FASTA

TABLE has the columns chrom, pos, ref, alt (GRCh38), ref_forward, ref_reverse, alt_forward, alt_reverse: means over all
896 bins of the human track 5110 for 110 variants around ZNF83 (ni-lab/finetuning-enformer, commit
98d74e9528a89156f818f19bd4f0fb533795ace9, analysis/ISM/replicate_enformer_scores, made with the weights of
EleutherAI/enformer-official-rough). The 24 with the largest effects are kept; FASTA is GRCh38. Writes
enformer_vep/data/published_znf83.tsv and published_znf83.2bit.gz (four bases a byte, the first in the highest bits).
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
import pandas as pd

import enformer_vep as ev
from enformer_vep.genome.encoding import encode
from enformer_vep.verification.published import BEFORE, PUBLISHED_WINDOW

DATA = Path(__file__).parents[1] / "enformer_vep" / "data"
COUNT = 24


def main() -> None:
    """Write both files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("fasta", type=Path)
    given = parser.parse_args()
    every = pd.read_csv(given.table, sep="\t")
    effects = (every.alt_forward - every.ref_forward).abs() + (every.alt_reverse - every.ref_reverse).abs()
    kept = every.loc[effects.nlargest(COUNT).index].sort_values("pos")
    start, end = int(kept.pos.min()) - 1 - BEFORE, int(kept.pos.max()) - 1 - BEFORE + PUBLISHED_WINDOW
    codes = encode(ev.Genome(given.fasta).fetch("chr19", start, end))
    assert codes.max() < 4, "the locus has no N"
    padded = np.pad(codes, (0, -len(codes) % 4)).reshape(-1, 4)
    packed = (padded << np.array([6, 4, 2, 0], dtype=np.uint8)).sum(axis=1).astype(np.uint8)
    (DATA / "published_znf83.2bit.gz").write_bytes(gzip.compress(packed.tobytes(), mtime=0))
    text = kept.to_csv(sep="\t", index=False)
    note = f"## GRCh38 chr19:{start}-{end} (0-based), {len(codes)} bases; made by tools/make_published.py\n"
    (DATA / "published_znf83.tsv").write_text(note + text)


if __name__ == "__main__":
    main()
