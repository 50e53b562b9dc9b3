#!/usr/bin/env python3
"""Makes the calibration of the model `example` that comes with the package. It can be stopped and goes on.

    python tools/calibration_background.py SITES.vcf.gz INDELS.vcf.gz hg38.fa -o background
    python tools/example_calibration.py background hg38.fa -o enformer_vep/data/example_calibration.safetensors

Scores go into one table for each VCF of the folder, which takes an hour or so on one core. A run that was interrupted
goes on where it stopped, and a table that is complete is taken as it is (remove it when the model or a rule changed).
What `enformer-vep calibrate` makes of both files in one has the same distributions.
"""

import argparse
import sys
from contextlib import nullcontext
from itertools import islice
from pathlib import Path

import numpy as np

from enformer_vep import __version__
from enformer_vep.api import open_scorer
from enformer_vep.calibration import CalibrationFitter, recorded_settings, write_calibration
from enformer_vep.jobs.score import score_file
from enformer_vep.scoring.calibrated import scorer_identity
from enformer_vep.scoring.scorer import class_of
from enformer_vep.settings import OutputSettings, Score, ScoreRequest, ScoreSettings
from enformer_vep.tables.reader import open_scores

SETTINGS = ScoreSettings(scores=(Score.SAD, Score.SADR, Score.SAX, Score.D2, Score.LOGD2))
FILES = ("substitutions", "indels", "long_indels")
COMPONENTS = 8
ROWS = 256


def main() -> None:
    """Runs the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="of tools/calibration_background.py")
    parser.add_argument("genome", type=Path)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--model", default="example")
    parser.add_argument("--least", type=int, default=100, help="alleles of a class")
    given = parser.parse_args()
    tables = [given.folder / f"{name}.tsv" for name in FILES]
    for table in tables:
        if not table.exists():
            output = OutputSettings(str(table))
            request = ScoreRequest(str(table.with_suffix(".vcf")), given.genome, given.model, SETTINGS, output=output)
            score_file(request, lambda total: nullcontext(lambda row: None))
    fit(given.model, tables, given.output, given.least)


def fit(model: str, tables: list[Path], output: Path, least: int) -> None:
    """Fits a calibration to scores that are there."""
    scorer = open_scorer(model, SETTINGS)
    facts = {**recorded_settings(scorer.settings.describe()), "version": __version__}
    blocks = scorer.layout.blocks
    fitter = CalibrationFitter(blocks, scorer_identity(scorer, None), facts, COMPONENTS, least)
    for table in map(open_scores, tables):
        if table.layout.values != scorer.layout.values:
            sys.exit(f"{table.name} has other columns than the model makes: remove it and run this again")
        scored = (row for row in table.rows() if row.values is not None)
        while rows := list(islice(scored, ROWS)):
            fitter.add(np.stack([row.values for row in rows]), [class_of(row.variant) for row in rows])
    write_calibration(fitter.finish(), output)
    print(*(f"{one}\t{count}" for one, count in fitter.counts.items()), sep="\n")


if __name__ == "__main__":
    main()
