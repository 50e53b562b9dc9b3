"""Names under which a run's settings stand in journals, manifests, calibrations, headers and summaries.

Files that exist have them: a name that changes makes an interrupted run, a shard or a calibration another one.
"""

from dataclasses import fields, replace
from pathlib import Path

import pytest

from enformer_vep.calibration import calibration_identity, recorded_settings
from enformer_vep.calibration.comparison import differences as calibration_differences
from enformer_vep.genome.fasta import Genome
from enformer_vep.jobs.identity import run_identity
from enformer_vep.scoring.checking import Reference
from enformer_vep.scoring.layout import run_notes
from enformer_vep.settings import (
    AUTOMATIC_REFINEMENT,
    Engine,
    GeneSettings,
    Refinement,
    SaturationSettings,
    Score,
    ScoreRequest,
    ScoreSettings,
)
from tests.builders import make_fasta
from tests.jobs.toy import Toy, scorer_for

OPTIONS = [
    "organism",
    "bins",
    "rc",
    "shifts",
    "indels",
    "engine",
    "precision",
    "share-windows",
    "strict",
    "scores",
]
GENE_OPTIONS = ["tss-bins", "center", "transcripts"]
GRID_OPTIONS = ["window-grid", "phases"]
ELSEWHERE = ["version", "input", "regions", "genome", "genes", "model", "window", "predicted", "columns", "calibration"]
EXECUTION = ["batch-size", "piece-size", "shard", "format", "tabix"]
SETTINGS = ScoreSettings(engine=Engine.DELTA)
BY_GENE = ScoreSettings(engine=Engine.DELTA, genes=GeneSettings())
ON_GRID = ScoreSettings(engine=Engine.DELTA, window_grid=True, phases=(0, 64))


def test_settings() -> None:
    assert sorted(SETTINGS.describe()) == sorted(OPTIONS)
    assert sorted(BY_GENE.describe()) == sorted(OPTIONS + GENE_OPTIONS)
    assert sorted(ON_GRID.describe()) == sorted(OPTIONS + GRID_OPTIONS)


def test_every_setting_is_described() -> None:
    """A field that is new and in no description would let unlike runs pass for the same."""
    options = {
        "centre_bins": "bins",
        "reverse_complement": "rc",
        "share_windows": "share-windows",
        "window_grid": "window-grid",
    }
    by_columns, by_own_fields = {"tracks", "groups", "genes"}, {"saturation"}
    assert ScoreSettings(scores=(Score.SADR,), pseudocount=0.1).describe()["pseudocount"] == "0.1"
    of_views = ScoreSettings(reverse_complement=True, spread=True, confident=0.9, shrink=True).describe()
    assert (of_views["spread"], of_views["confident"], of_views["shrink"]) == (True, "0.9", True)
    unless_usual = {"pseudocount", "refinement", "spread", "confident", "shrink"}
    described = {options.get(field.name, field.name) for field in fields(ScoreSettings)} - by_columns - unless_usual
    assert described - by_own_fields == set(OPTIONS + GRID_OPTIONS)
    assert set(SaturationSettings().describe()) == {field.name for field in fields(SaturationSettings)}
    saturated = ScoreSettings(engine=Engine.DELTA, saturation=SaturationSettings(deletions=2, readout="chr1:5-9"))
    assert saturated.describe() == SETTINGS.describe() | {"deletions": 2, "flank": 50, "readout": "chr1:5-9"}
    gene_options = {"tss_bins": "tss-bins", "centre": "center"}
    assert {gene_options.get(f.name, f.name) for f in fields(GeneSettings)} - {"types"} == set(GENE_OPTIONS)


def test_what_screening_hands_on_is_described() -> None:
    screened = ScoreSettings(engine=Engine.ADJOINT)
    described = screened.describe()
    assert sorted(described) == sorted([*OPTIONS, "refine", "refine-sample"])
    others = [Refinement(share=0.02), Refinement(share=None, count=3), AUTOMATIC_REFINEMENT, Refinement(sample=0.2)]
    texts = {str(replace(screened, refinement=one).describe()) for one in others} | {str(described)}
    assert len(texts) == 5


def test_a_file_of_transcripts_has_no_name_there() -> None:
    """What was in it is in the digest of the genes."""
    for given, described in {
        "filtered": "filtered",
        "MANE Select, basic,": "MANE Select,basic",
        "@/home/me/a.txt": "@",
        "T1, @a.txt": "T1,@",
    }.items():
        settings = ScoreSettings(engine=Engine.DELTA, genes=GeneSettings(transcripts=given))
        assert settings.describe()["transcripts"] == described
        notes = dict(run_notes("f" * 64, None, 2048, settings))
        assert notes["genes"] == f"3 bins per TSS, {described} transcripts, window on the variant"


@pytest.mark.parametrize("settings", [SETTINGS, BY_GENE])
def test_journals_and_manifests(tmp_path: Path, settings: ScoreSettings) -> None:
    vcf = tmp_path / "variants.vcf"
    vcf.write_text("##fileformat=VCFv4.2\n")
    genome = make_fasta(tmp_path / "genome.fa", {"chr1": "ACGT"})
    request = ScoreRequest(str(vcf), genome, settings=settings)
    found = run_identity(request, (), Reference(Genome(genome)), scorer_for(request, Toy()))
    expected = ELSEWHERE + EXECUTION + OPTIONS + (GENE_OPTIONS if settings.genes else [])
    assert sorted(found) == sorted(expected)


def test_a_model_that_is_cropped_differently_is_another_run(tmp_path: Path) -> None:
    genome = make_fasta(tmp_path / "genome.fa", {"chr1": "ACGT"})
    request, reference = ScoreRequest("", genome, settings=SETTINGS), Reference(Genome(genome))
    scorer = scorer_for(request, Toy())
    whole = scorer.geometry
    cropped = replace(scorer, geometry=replace(whole, first=whole.first + whole.width, bins=whole.bins - 2))
    found = [run_identity(request, (), reference, one) for one in (scorer, cropped)]
    assert {name for name in found[0] if found[0][name] != found[1][name]} == {"predicted"}


def test_calibrations() -> None:
    compared = ["organism", "bins", "rc", "shifts", "indels", "share-windows", "model", "window", "genes"]
    found = calibration_identity(BY_GENE.describe(), "f" * 64, 2048, genes="0")
    assert sorted(found) == sorted(compared + GENE_OPTIONS)
    grid = calibration_identity(ON_GRID.describe(), "f" * 64, 2048)
    assert calibration_differences(calibration_identity(SETTINGS.describe(), "f" * 64, 2048), grid) == [
        "window-grid none (this run: True)",
        "phases none (this run: 0,64)",
    ]
    assert sorted(recorded_settings(SETTINGS.describe())) == ["engine", "precision"]


def test_headers() -> None:
    plain = ["model", "window", "organism", "bins", "rc", "shifts", "indels", "genes", "engine", "precision"]
    assert [name for name, _ in run_notes("f" * 64, None, 2048, SETTINGS)] == plain
    shared = ScoreSettings(engine=Engine.DELTA, share_windows=100)
    assert ("share-windows", "100") in run_notes("f" * 64, None, 2048, shared)
    assert {("window-grid", "True"), ("phases", "0,64")} <= set(run_notes("f" * 64, None, 2048, ON_GRID))
    assert ("targets", "abc") in run_notes("f" * 64, "abc", 2048, SETTINGS)
