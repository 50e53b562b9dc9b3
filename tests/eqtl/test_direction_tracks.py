"""Tracks that tell the direction of effect: chosen by assay and tissue, repressive marks with their sign."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("sklearn")

from enformer_vep.eqtl.direction_tracks import DirectionTracks
from enformer_vep.eqtl.eqtl_settings import DirectionSettings, EqtlSettings, FoldSettings, ForestSettings, Repressive
from enformer_vep.eqtl.evaluation import evaluate
from enformer_vep.eqtl.labelled_examples import EqtlInputs, load_examples
from enformer_vep.eqtl.report import describe, metrics_text
from enformer_vep.errors import UsageError
from enformer_vep.tracks.table import TrackTable
from tests.builders import targets_text
from tests.eqtl import toy

DESCRIPTIONS = (
    "CAGE:liver", "CAGE:brain", "CHIP:H3K27me3:liver", "CHIP:H3K9me3:brain", "CHIP:CTCF:liver", "CHIP:MYC:brain",
    "CHIP:H3K27ac:liver", "DNASE:brain",
)  # fmt: skip
LABELS = tuple(f"T{index}" for index in range(8))
TABLE = TrackTable.from_text(targets_text(DESCRIPTIONS, identifiers=LABELS))
QUICK = EqtlSettings(forest=ForestSettings(trees=4), folds=FoldSettings(folds=4, repeats=1))


def signs(settings=None, tissue="liver", labels=LABELS, table=TABLE):
    found = DirectionTracks(labels, settings or DirectionSettings(), table).of(tissue)
    return None if found is None else found.signs.tolist()


def test_assays_that_say_expression_by_default():
    assert signs() == [1, 1, -1, -1, 0, 0, 1, 1]
    assert signs(DirectionSettings(repressive=Repressive.LEFT_OUT)) == [1, 1, 0, 0, 0, 0, 1, 1]
    words = DirectionTracks(LABELS, DirectionSettings(), TABLE).of("liver").words
    assert words == "CAGE:2 -CHIP:H3K27me3:1 -CHIP:H3K9me3:1 CHIP:H3K27ac:1 DNASE:1"


def test_tracks_that_are_named_count_whatever_their_assay():
    assert signs(DirectionSettings("/liver/")) == [1, 0, -1, 0, 1, 0, 1, 0]
    assert signs(DirectionSettings("T4,T2")) == [0, 0, -1, 0, 1, 0, 0, 0]
    assert signs(DirectionSettings("T4,T2"), table=None) == [0, 0, 1, 0, 1, 0, 0, 0]
    assert signs(DirectionSettings("assay:CAGE"), labels=("T7", "T1")) == [0, 1]


def test_tracks_of_the_tissue(tmp_path):
    path = tmp_path / "groups.tsv"
    path.write_text("T0\tWhole_Blood_CAGE\nT7\tWhole_Blood_DNASE\nT1\tBrain\nT3\tBrain\n")
    settings = DirectionSettings(groups=str(path))
    assert signs(settings, "whole blood") == [1, 0, 0, 0, 0, 0, 0, 1]
    assert signs(settings, "Brain") == [0, 1, 0, -1, 0, 0, 0, 0]
    assert signs(settings, "Lung") is None
    tracks = DirectionTracks(LABELS, settings, TABLE)
    assert "is called Lung" in tracks.why_not("Lung")
    assert tracks.rows("Brain") == [("T1", "CAGE:brain", 1), ("T3", "CHIP:H3K9me3:brain", -1)]
    assert tracks.rows("Lung") == []


def test_both_strands_count_whichever_the_gene_is_on():
    text = "index\tidentifier\tstrand_pair\tdescription\n"
    text += "0\tplus\t1\tCAGE:liver\n1\tminus\t0\tCAGE:liver\n2\tother\t2\tCAGE:brain\n"
    table = TrackTable.from_text(text)
    # Named by the feature, so as it stands; by the table's index, with its partner.
    assert signs(DirectionSettings("0"), labels=table.identifiers, table=table) == [1, 1, 0]


@pytest.mark.parametrize(
    ("settings", "table", "message"),
    [
        (DirectionSettings("assay:CAGE"), None, "--direction-tracks assay:CAGE is not among .* give .* --targets"),
        (DirectionSettings("T9"), TABLE, "--direction-tracks T9: no such identifier"),
        (DirectionSettings(groups="gtex-v8"), None, "--direction-groups needs .* --targets"),
    ],
)
def test_tracks_that_are_not_there(settings, table, message):
    with pytest.raises(UsageError, match=message):
        DirectionTracks(LABELS, settings, table)


def test_tracks_that_are_not_scored():
    with pytest.raises(UsageError, match="none of the tracks for the direction is among the features"):
        DirectionTracks(LABELS[:1], DirectionSettings("assay:DNASE"), TABLE)


def test_one_choice_or_the_other():
    with pytest.raises(UsageError, match="not both"):
        DirectionSettings("T1", "gtex-v8")


def planted(folder):
    """Variants whose expression tracks go with the effect weakly, repressive marks against it, factors at random.

    The mean over all tracks says nothing: two repressive marks undo two active ones, and factors are louder still.
    """
    random = np.random.default_rng(4)
    effect = random.choice([-1, 1], 160)
    values = np.outer(effect, [1, 1, -2, -2, 0, 0, 1, 1]) + random.normal(size=(160, 8)) * 1.5
    values[:, 4:6] *= 2
    rows = [("1", toy.position(i), ".", "A", "G", "ok", *(f"{v * 1e-3:.6g}" for v in row))
            for i, row in enumerate(values)]  # fmt: skip
    marks = [f"1 {toy.position(i)} A G {1 if i % 2 else 0} {effect[i]}" for i in range(160)]
    scores, labels = toy.scores(folder / "s.tsv", rows, LABELS), folder / "l.tsv"
    toy.labels(labels, "chrom pos ref alt label slope", *marks)
    return load_examples(EqtlInputs((scores,), (labels,)), QUICK)


def test_a_repressive_mark_speaks_against_expression(tmp_path):
    examples = planted(tmp_path)
    everything = replace(QUICK, direction=DirectionSettings(",".join(LABELS)))
    (signed,) = evaluate(examples, QUICK, table=TABLE)
    (left_out,) = evaluate(
        examples, replace(QUICK, direction=DirectionSettings(repressive=Repressive.LEFT_OUT)), table=TABLE
    )
    (mean_of_all,) = evaluate(examples, everything)
    assert mean_of_all.direction.accuracy < 0.75
    assert signed.direction.accuracy > left_out.direction.accuracy > mean_of_all.direction.accuracy
    assert signed.direction.accuracy > 0.9
    assert "-CHIP:H3K27me3:1" in describe([signed])
    assert "CHIP:CTCF" not in metrics_text([signed])
    assert "H3K27me3" not in metrics_text([left_out])


def test_titles_of_the_score_tables_do(tmp_path):
    examples = replace(planted(tmp_path), titles=DESCRIPTIONS)
    (titled,), (given,) = evaluate(examples, QUICK), evaluate(examples, QUICK, table=TABLE)
    assert titled.direction == given.direction


def test_without_any_no_direction_is_told(tmp_path, caplog):
    (result,) = evaluate(planted(tmp_path), QUICK)
    assert (result.direction.status, result.direction.tracks) == ("ok", "")
    assert np.isnan(result.direction.accuracy)
    assert "no direction is told from tracks: which tracks say expression is not known; give" in caplog.text
