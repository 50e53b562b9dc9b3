"""The benchmarks of variants, from made-up data to their figures."""

import gzip
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from tests.builders import make_fasta, make_vcf, random_sequence

LENGTH, FIRST, LAST = 4000, 2001, 2012


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """One saturated element of twelve bases; a deletion and a substitution of few barcodes are in the file too."""
    rng = np.random.default_rng(5)
    sequence = random_sequence(rng, LENGTH)
    for name in ("genome", "variants"):
        (tmp_path / name).mkdir()
    make_fasta(tmp_path / "genome" / "hg38.subset.fa.gz", {"chr22": sequence})
    rows = ["Chrom\tPos\tRef\tAlt\tBarcodes\tCoefficient"]
    for place in range(FIRST, LAST + 1):
        reference = sequence[place - 1]
        for alternate in "ACGT-":
            barcodes = 9 if (place, alternate) == (FIRST, "ACGT".replace(reference, "")[0]) else 10
            if alternate != reference:
                rows.append(f"22\t{place}.0\t{reference}\t{alternate}\t{barcodes}\t{rng.normal():.3f}")
    (tmp_path / "variants" / "kircher_mpra.TOY.hg38.tsv").write_text("\n".join(rows) + "\n")
    return tmp_path


def test_mpra(script: Callable[..., ModuleType], data: Path, small_model: Path) -> None:
    module = script("mpra", "--data", data, "--model", small_model, "--results", data)
    module.main()
    scores = pd.read_csv(data / "mpra_scores.tsv", sep="\t", comment="#")
    assert len(scores) == 3 * (LAST - FIRST + 1) - 1
    assert set(scores["alternate"]) <= set("ACGT")

    from enformer_vep.genome.fasta import Genome
    from enformer_vep.models.checkpoints import load_model

    variants, effects = module.read_mpra(data / "variants" / "kircher_mpra.TOY.hg38.tsv")
    np.testing.assert_allclose(scores["effect"], effects, rtol=1e-3)
    sad = module.sad(load_model(small_model), Genome(data / "genome" / "hg38.subset.fa.gz"), variants)
    scaled = sad[:, 2:4] / sad[:, 2:4].std(axis=0)
    np.testing.assert_allclose(scores["example_DNASE"], scaled.mean(axis=1), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(scores["example_DNASE_size"], abs(scaled).mean(axis=1), rtol=1e-3)

    figures = pd.read_csv(data / "mpra.tsv", sep="\t").set_index(["model", "compared", "scores"])
    assert (figures["rotations"] == LAST - FIRST).all()
    middle = abs(scores["position"] - (FIRST + LAST) / 2)
    ruler = stats.spearmanr(-middle, abs(scores["effect"])).statistic
    assert figures.loc[("ruler", "absolute", "distance"), "spearman"] == pytest.approx(ruler, abs=6e-4)
    plain = stats.spearmanr(scores["untrained_CAGE"], scores["effect"]).statistic
    assert figures.loc[("untrained", "signed", "CAGE"), "spearman"] == pytest.approx(plain, abs=6e-4)


def test_motifs(script: Callable[..., ModuleType]) -> None:
    """Four sites in two clusters; the control goes the other way in one."""
    module = script("disruptions")
    table = pd.DataFrame(
        {
            "contig": "chr22",
            "position": [1_000, 2_000, 900_000, 1_000_000],
            "reference": "AC",
            "alternate": "GT",
            "motif": ["SP1", "SP1", "AP-1", "SP1"],
            "track": "T",
            "example_disrupted": [-1.0, -2.0, -3.0, -4.0],
            "example_control": [-1.0, -1.0, 1.0, 1.0],
        }
    )
    rows = [line.split("\t") for line in module.figures(table).splitlines()]
    assert rows == [
        list(module.COLUMNS),
        ["example", "disrupted", "all", "4", "4", "2", "0.25", "-2.5"],
        ["example", "disrupted", "AP-1", "1", "1", "1", "0.5", "-3"],
        ["example", "disrupted", "SP1", "3", "3", "2", "0.25", "-2"],
        ["example", "control", "all", "4", "2", "2", "0.75", "0"],
    ]


@pytest.fixture
def genes(tmp_path: Path) -> Path:
    """Five variants around a gene with three transcripts; one lies far away."""
    sequence = random_sequence(np.random.default_rng(6), 12_000)
    for name in ("genome", "variants", "annotation"):
        (tmp_path / name).mkdir()
    make_fasta(tmp_path / "genome" / "hg38.subset.fa.gz", {"chr22": sequence})
    records = [
        ("chr22", at, ".", sequence[at - 1], "A" if sequence[at - 1] != "A" else "C")
        for at in (2800, 2990, 3110, 3400, 11_000)
    ]
    make_vcf(tmp_path / "variants" / "1000G.chr22.sites.vcf.gz", records, {"chr22": 12_000})
    words = 'gene_id "G"; gene_type "protein_coding";'
    spans = [
        ("gene", 3000, ""),
        ("transcript", 3000, 'transcript_id "1"; transcript_type "retained_intron";'),
        ("transcript", 3300, 'transcript_id "2"; transcript_type "protein_coding"; tag "basic";'),
        ("transcript", 3010, 'transcript_id "3"; transcript_type "protein_coding"; tag "Ensembl_canonical";'),
    ]
    text = "".join(f"chr22\tt\t{kind}\t{first}\t5000\t.\t+\t.\t{words} {more}\n" for kind, first, more in spans)
    (tmp_path / "annotation" / "gencode.chr22.gtf.gz").write_bytes(gzip.compress(text.encode()))
    return tmp_path


def test_transcripts(script: Callable[..., ModuleType], genes: Path, small_model: Path) -> None:
    module = script("transcripts", "--data", genes, "--model", small_model, "--every", 1, "--results", genes)
    module.main()
    scores = pd.read_csv(genes / "transcript_scores.tsv", sep="\t", comment="#")
    assert list(scores["choice"].unique()) == list(module.CHOICES)
    # The same as of one run for each choice.
    from enformer_vep.api import open_scorer, score
    from enformer_vep.settings import Score, ScoreSettings

    variants = genes / "variants" / "1000G.chr22.sites.vcf.gz"
    for name in ("filtered, 3 bins", "canonical, 10 bins, window on the TSS"):
        own = scores[scores["choice"] == name]
        scorer = open_scorer(str(small_model), ScoreSettings((Score.SADR,), genes=module.CHOICES[name]))
        files = (genes / "genome" / "hg38.subset.fa.gz", scorer, genes / "annotation" / "gencode.chr22.gtf.gz")
        table = score(str(variants), *files)
        table = table[table["STATUS"] == "ok"]
        assert list(own["POS"]) == list(table["POS"]) == [2800, 2990, 3110, 3400]
        assert list(own["N_TSS"]) == list(table["N_TSS"])
        for column in scorer.layout.values:
            np.testing.assert_allclose(own[column], table[column], rtol=1e-3, atol=1e-6)

    figures = pd.read_csv(genes / "transcripts.tsv", sep="\t").set_index(["one", "other"])
    one, other = (
        scores[scores["choice"] == name].filter(like="SADR_").to_numpy()
        for name in ("all, 3 bins", "canonical, 3 bins")
    )
    found = figures.loc[("all, 3 bins", "canonical, 3 bins")]
    rho = [stats.spearmanr(*pair).statistic for pair in zip(one.T, other.T, strict=True)]
    assert found["spearman"] == pytest.approx(np.median(rho), abs=6e-4)
    assert found["signs_differ"] == pytest.approx(np.mean(one * other < 0), abs=6e-4)
    assert (found["rows"], found["starts_one"], found["starts_other"]) == (4, 3, 1)


def test_mpra_deletions(script: Callable[..., ModuleType], data: Path, small_model: Path) -> None:
    """The base with too few barcodes is left out; a second run goes on with what the first one wrote."""
    words = ("--data", data, "--element", "TOY", "--model", small_model, "--results", data)
    module = script("mpra_deletions", *words, "--bases", "3")
    module.main()
    script("mpra_deletions", *words, "--bases", "2").main()
    scores = pd.read_csv(data / "mpra_deletion_scores.tsv", sep="\t")
    assert list(scores["position"]) == [FIRST + 1, FIRST + 6, LAST]

    from enformer_vep.api import open_scorer, score
    from enformer_vep.genome.fasta import Genome
    from enformer_vep.genome.variants import Variant
    from enformer_vep.settings import Indels, Score, ScoreSettings

    genome = Genome(data / "genome" / "hg38.subset.fa.gz")
    for position, reference, measured, found in scores[
        ["position", "reference", "measured_deletion", "left_SAD"]
    ].values:
        before, own = genome.fetch("chr22", position - 2, position).decode()
        assert own == reference
        row = module.saturated(data / "variants" / "kircher_mpra.TOY.hg38.tsv").query("Pos == @position and Alt == '-'")
        assert row["Coefficient"].item() == pytest.approx(measured)
        settings = ScoreSettings(scores=(Score.SAD, Score.REF), tracks="assay:DNASE", indels=Indels.LEFT)
        deletion = Variant("chr22", position - 1, ".", before + own, before)
        one = score([deletion], genome, open_scorer(str(small_model), settings))
        relative = one.filter(like="SAD_").to_numpy() / one.filter(like="REF_").to_numpy()
        assert found == pytest.approx(relative.mean(), rel=2e-3)

    figures = pd.read_csv(data / "mpra_deletions.tsv", sep="\t").set_index(["compared", "measure"])
    local = figures.loc[("local", "SAD")]
    assert local["ratio"] == pytest.approx(
        (scores["local_SAD_size"] / scores["substitutions_SAD_size"]).median(), rel=6e-3
    )
    signed = stats.spearmanr(scores["local_SAD"], scores["substitutions_SAD"]).statistic
    assert local["spearman_snv"] == pytest.approx(signed, abs=6e-4)


def test_mpra_saturation(script: Callable[..., ModuleType], data: Path, small_model: Path) -> None:
    pytest.importorskip("matplotlib")
    figure = data / "figure.png"
    words = ("--element", "TOY", "--model", small_model, "--results", data)
    module = script("mpra_saturation", "--data", data, *words)
    module.main()
    table = pd.read_csv(data / "mpra_saturation.tsv", sep="\t", comment="#")
    assert len(table) == 3 * (LAST - FIRST + 1) - 1
    own = stats.spearmanr(table["predicted"], table["measured"]).statistic
    assert module.in_words(table).startswith(f"{len(table)} substitutions, Spearman {own:.3f} ")

    side = module.mapped(table, "measured")
    assert (side.first, len(side.sequence)) == (FIRST, LAST - FIRST + 1)
    assert np.isnan(side.centred).sum() == 1
    row = table.iloc[-1]
    there = table[table["position"] == row["position"]]["measured"]
    expected = (row["measured"] - there.sum() / 4) / table["measured"].std()
    assert side.centred[row["position"] - FIRST, "ACGT".index(row["alternate"])] == pytest.approx(expected)

    script("mpra_saturation", *words, "--figure", figure)
    module.main()
    assert figure.read_bytes().startswith(b"\x89PNG")
