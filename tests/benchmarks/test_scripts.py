"""The benchmarks run: every code path of them, on models so small that their numbers mean nothing."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from enformer_vep.calibration import CalibrationFitter, read_calibration, write_calibration
from enformer_vep.genome.alleles import VariantClass
from enformer_vep.tables.row import ValueBlock
from tests.builders import write_text


def numbers(path: Path) -> dict[str, list[float]]:
    """The table's lines by their first cell; cells that are empty or words are left out."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("#")][1:]
    cells = {line.split("\t")[0]: line.split("\t")[1:] for line in lines}
    return {name: [float(cell) for cell in row if cell and cell[0].isdigit()] for name, row in cells.items()}


@pytest.mark.slow
def test_gpu_runs_every_path_without_one(
    script: Callable[..., ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    module = script("gpu", "--tiny", "--output", tmp_path / "gpu.tsv")
    module.main()
    table = numbers(tmp_path / "gpu.tsv")
    for precision in ("float32", "tf32", "fp16", "bf16"):
        assert f"pair {precision}, centred" in table
        assert f"delta {precision}, 64 in one window" in table
    assert table["delta mixed, centred"]
    assert any(name.startswith("saturation of 12 alternates") for name in table)
    assert any(name.startswith("enformer-pytorch") for name in table)
    assert ("enformer-pytorch float32" in table) is ("enformer-pytorch tf32" in table)
    assert len([name for name in table if name.startswith("convolution stage")]) == 7
    assert all(np.isfinite(row).all() and min(row, default=1) > 0 for row in table.values())
    assert "nan" not in capsys.readouterr().out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_says_that_there_is_none(script: Callable[..., ModuleType]) -> None:
    with pytest.raises(SystemExit, match="no CUDA device here"):
        script("gpu").main()


def test_basenji2_beside_enformer(script: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    """What each process measures; that of Basenji2 is less to compute, and full-size operations are the issue's."""
    module = script("basenji2")
    device = torch.device("cpu")
    # Without the change of the allocator, which would last for the other tests of this process.
    monkeypatch.setattr(module, "keep_freed_memory", lambda: None)
    results = {name: [module.run(name, device, tiny=True)] for name in module.NAMES if name != module.PEER}
    text = module.table(results, "# a machine")
    rows = {line.split("\t")[0]: [float(cell) for cell in line.split("\t")[1:]] for line in text.splitlines()[2:]}
    assert list(rows) == list(results)
    assert rows[module.BASE][1] == 1
    assert all(min(row) > 0 for row in rows.values())
    with torch.device("meta"):
        network = module.network_of("basenji2", tiny=False)
    assert module.counted(network, module.Engine.PAIR, 1) == pytest.approx(2 * 0.233e12, rel=0.01)


def test_other_forms_of_gelu(script: Callable[..., ModuleType], data_directory: Path, tmp_path: Path) -> None:
    """As the original code found it on the same weights: 6 % of the output of the human head."""
    output = tmp_path / "forms.tsv"
    script("gelu_forms", "--model", data_directory / "tiny_basenji2.h5", "--variants", 3, "--output", output).main()
    table = numbers(output)
    assert list(table) == ["tanh", "erf"]
    for row in table.values():
        assert row[0] == pytest.approx(0.06, abs=0.02)
        assert 0 < row[2] < 1


def test_saturation(script: Callable[..., ModuleType], tmp_path: Path, small_model: Path) -> None:
    output = tmp_path / "saturation.tsv"
    words = ("--model", small_model, "--length", 4, "--unshared", 2, "--output", output)
    module = script("saturation", *words)
    module.main()
    table = numbers(output)
    assert table[f"{small_model}, shared windows"][0] == 12
    assert table[f"{small_model}, a window each"][0] == 2


def test_the_full_size_by_hand(script: Callable[..., ModuleType], tmp_path: Path) -> None:
    """One alternate 10 s, ten 5.5 s each: a reference pass takes 5 s and an alternate 5 s."""
    path = tmp_path / "engines.tsv"
    path.write_text("# a machine\nengine\ts\nenformer-pytorch\t30\t1\ndelta\t10.0\t3\ndelta x 10\t5.5\t5\n")
    full = script("saturation").FullSize.read(path)
    assert full.saturation(64) == pytest.approx((5 + 64 * 5) / 3600)
    assert full.saturation(65) == pytest.approx((10 + 65 * 5) / 3600)


@pytest.mark.slow
def test_accuracy(script: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    from enformer_vep.models.enformer.config import EnformerConfig
    from enformer_vep.models.enformer.randomised import random_network

    module = script("accuracy")
    config = EnformerConfig(
        channels=48, channel_multiple=4, transformer_layers=2, attention_heads=2, key_size=8,
        target_length=32, window=8192, output_tracks={"human": 8},
    )  # fmt: skip
    monkeypatch.setattr(module, "RANDOM_CONFIG", config)
    batches = list(module.made_up_variants(6, 2))
    text = module.compare(random_network(config, 1), batches, "test", emulate=True)
    rows = [line.split("\t") for line in text.splitlines()[2:]]
    assert {row[0] for row in rows} == {"substitution", "indel"}
    errors = {(row[0], row[1], row[2]): float(row[5]) for row in rows}
    assert errors["substitution", "delta", "float32"] < 1e-4
    assert 1e-5 < errors["substitution", "delta", "mixed, emulated GPU"] < 2e-2
    assert errors["substitution", "delta", "fp16, emulated"] < errors["substitution", "pair", "fp16, emulated"]
    assert errors["indel", "delta", "fp16, emulated"] == errors["indel", "delta", "mixed, emulated GPU"]


def test_the_incremental_yardstick_predicts_what_two_passes_do(script: Callable[..., ModuleType]) -> None:
    from tests.effects.test_delta import WINDOW, small_network

    module = script("operations")
    module.WINDOW, module.CENTRE = WINDOW, WINDOW // 2 - 1
    network = small_network(2).double()
    for batch in (module.substitutions(3), module.deletion()):
        one, other = (
            kind(network, "human", None, slice(0, 52)).predict(batch)
            for kind in (module.IncrementalEngine, module.PairEngine)
        )
        torch.testing.assert_close(one.delta, other.delta, rtol=0, atol=1e-10)
        torch.testing.assert_close(one.reference, other.reference, rtol=0, atol=1e-10)


def test_mage_eqtl(script: Callable[..., ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neighbours of one label and nearly one score: what parts them finds a signal, what keeps them together none."""
    pytest.importorskip("sklearn")
    random = np.random.default_rng(0)
    labels = ["chrom\tposition\tref\talt\tensembl_id\tpip\ttss_distance"]
    tables = {"SAD": ["SAD_A"], "SADR": ["GENE_ID\tGENE_NAME\tTSS_DISTANCE\tSADR_A"]}
    rows = {name: ["#CHROM\tPOS\tID\tREF\tALT\tSTATUS\t" + columns[0]] for name, columns in tables.items()}
    for locus in range(40):
        score, pip = random.normal(), 0.9 * (locus % 2)
        for index in range(3):
            where = f"1\t{1 + 5_000_000 * locus + 10 * index}"
            labels.append(f"{where}\tA\tC\tG{locus}\t{pip}\t{random.integers(1, 1000)}")
            rows["SAD"].append(f"{where}\t.\tA\tC\tok\t{score}")
            rows["SADR"].append(f"{where}\t.\tA\tC\tok\tG{locus}\tX\t5\t{score}")
    paths = {name: tmp_path / f"{name}.tsv" for name in ("labels", *rows)}
    for name, lines in (("labels", labels), *rows.items()):
        paths[name].write_text("".join(f"{line}\n" for line in lines))
    words = ("--folds", 4, "--repeats", 2, "--trees", 4)
    script("mage_eqtl", paths["labels"], paths["SAD"], paths["SADR"], *words).main()
    note, header, *lines = capsys.readouterr().out.splitlines()
    assert note.startswith("# PIP at least 0.5 against at most 0.1; 4 folds, 2 repeats")
    cells = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    ways = [(way["scores"], way["keep_together"], way["groups"]) for way in cells]
    assert ways == [
        (name, *way) for name in ("windows", "genes") for way in (("linked", "40"), ("gene", "40"), ("none", "NA"))
    ]
    for way in cells:
        assert (float(way["auroc"]) > 0.9) == (way["keep_together"] == "none")


def test_enhancer_baselines(
    script: Callable[..., ModuleType], tmp_path: Path, data_directory: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file like the benchmark's, of the pairs of chr22 alone."""
    text = (data_directory / "crispri_chr22.tsv").read_text()
    places = dict.fromkeys(tuple(line.split("\t")[1:4]) for line in text.splitlines()[1:])
    regions = "chrom\tstart\tend\tclass\tactivity\n" + "".join("\t".join((*one, "genic", "2")) + "\n" for one in places)
    for name, content in (("crispri/crispri.hg38.tsv.gz", text), ("abc/regions_dhs_h3k27ac.tsv.gz", regions)):
        (tmp_path / name).parent.mkdir()
        write_text(tmp_path / name, content)
    script("enhancer_baselines", "--data", tmp_path, "--results", tmp_path).main()
    out = capsys.readouterr().out
    assert (tmp_path / "enhancer_baselines.tsv").read_text() == out
    header, *lines = (line.split("\t") for line in out.splitlines())
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    assert [row["RUN"] for row in rows if row["RANKING"] == "ABC"] == ["chr22, tss"] * 3
    assert {row["COUNT"] for row in rows if row["PAIRS"] == "all"} == {"91"}


def test_quantiles(script: Callable[..., ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a normal distribution, and of one that is above 0 only."""
    random = np.random.default_rng(0)
    identity = {"model": "f" * 64, "indels": "local"}
    fitter = CalibrationFitter([ValueBlock("SAD", ("normal", "exponential"))], identity)
    values = np.stack([random.normal(size=20_000), random.exponential(size=20_000)], axis=1)
    fitter.add(values.astype(np.float32), [VariantClass.SNV] * 20_000)
    write_calibration(fitter.finish(), tmp_path / "c.safetensors")
    module = script("quantiles", tmp_path / "c.safetensors")
    module.main()
    _, header, row = (line.split("\t") for line in capsys.readouterr().out.splitlines())
    found = dict(zip(header, row, strict=True))
    # A share of 0.0027 and z of 2.58; the other one exceeds 3 in exp(-(ln 2 + 3 ln 3 / 1.349)) of cases.
    fitted = read_calibration(tmp_path / "c.safetensors").scores[0].classes[VariantClass.SNV]
    np.testing.assert_allclose(module.beyond(fitted, np.array([3.0]))[0], [0.0027, 0.0434], rtol=0.2)
    assert found["alleles"] == "20000"
    # Scores above 0 only: 2 G - 1 of the least is -1, F is 0.
    assert float(found["largest"]) == pytest.approx(1, abs=0.02)


def test_pseudocount(script: Callable[..., ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = tmp_path / "t.tsv"
    table.write_text("#CHROM\tPOS\tID\tREF\tALT\tSTATUS\tSAD_a\tREF_a\n1\t1\t.\tA\tC\tok\t1\t1\n")
    script("pseudocount", table).main()
    row = capsys.readouterr().out.splitlines()[2].split("\t")
    # From 1 to 2 is log2(3 / 2) of 1 beside a pseudocount of 1.
    assert row == ["t.tsv", "1", "1", *["0.585"] * 4]


@pytest.mark.slow
def test_matched_negatives(
    script: Callable[..., ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Random negatives differ from positives in distance, matched ones do not."""
    pytest.importorskip("sklearn")
    from tests.eqtl.panels import random_panel

    panel = random_panel(variants=4000, positives=1)
    panel.genes = [
        (f"G{contig}_{at}", f"chr{contig}", at, "+-"[contig - 1])
        for contig in (1, 2)
        for at in range(9_000, 390_000, 9_000)
    ]
    words = ("--repeats", 1, "--trees", 2)
    script("matched_negatives", panel.vcf(tmp_path), panel.gtf(tmp_path), *words).main()
    note, header, *lines = capsys.readouterr().out.splitlines()
    assert note.startswith("# simulated positives and scores; 8 folds, 1 repeats, seed 1")
    rows = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    ways = ("random", "matched, --gene same", "matched, --gene nearest")
    assert [(row["negatives"], row["scores"]) for row in rows] == [
        (way, scores) for way in ways for scores in ("distance", "causal")
    ]
    assert float(rows[0]["distance_difference"]) < -0.8
    assert all(abs(float(row["distance_difference"])) < 0.3 for row in rows[2:])


def test_prior_recovery(script: Callable[..., ModuleType], capsys: pytest.CaptureFixture[str]) -> None:
    module = script("prior_recovery")
    truths = (module.Truth(1.0, 20, indel=0.7, share=0.6), module.Truth(1.0, 20, shuffled=True))
    module.TRUTHS = tuple(zip(truths, (100.0, None), strict=True))
    script("prior_recovery", "--sets", 3, "--fresh", 100).main()
    _, header, *lines = capsys.readouterr().out.splitlines()
    cells = [dict(zip(header.split("\t"), line.split("\t"), strict=True)) for line in lines]
    assert [one["ratio_in_fit"] for one in cells] == ["100", "fitted"]
    assert 0 < float(cells[0]["share_mean"]) < 1
    assert cells[1]["share_mean"] == cells[1]["indel_mean"] == "nan"
    for one in cells:
        assert float(one["set_coverage"]) > 0.8
        assert 1 < float(one["set_size"]) <= 40


def test_locus_recovery(script: Callable[..., ModuleType], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a steep truth few loci tell that W is above 0, and more surely than shuffled scores."""
    locus = Path(__file__).parents[2] / "example_data" / "locus.vcf.gz"
    names = (locus.parent / "locus.bim").read_text().split()[1::6]
    weights = np.exp(2 * np.random.default_rng(0).normal(size=len(names)))
    rows = [f"{name}\t{weight}\n" for name, weight in zip(names, weights / weights.sum(), strict=True)]
    (tmp_path / "truth.tsv").write_text("SNP\tprior_weight\n" + "".join(rows))
    script("locus_recovery", locus, tmp_path / "truth.tsv", "--sets", 1, "--loci", 12).main()
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()[2:]]
    assert [line[0] for line in lines] == ["own", "shuffled"]
    assert float(lines[0][2]) > 0
    assert float(lines[0][4]) < min(0.01, float(lines[1][4]))


@pytest.mark.slow
def test_grid_operations(script: Callable[..., ModuleType], monkeypatch: pytest.MonkeyPatch) -> None:
    module = script("grid", "operations")
    shape = {"channels": 24, "attention_heads": 2, "key_size": 8, "channel_multiple": 4, "transformer_layers": 1}
    config = module.EnformerConfig(**shape, window=4096, target_length=8, output_tracks={"human": 2})
    monkeypatch.setattr(module, "SPACINGS", (128, 256))
    _, near, far = (line.split("\t") for line in module.operations_table(config, 2).splitlines())
    assert (near[0], far[0]) == ("128", "256")
    token = module.Enformer(config).operations.token
    # Two chunk tokens with six of margin, in 256 bp; 25 tokens again for the only window and its edit.
    assert module.count_convolutions(config, 256) >= (8 + 25) * token * 0.9


def test_grid_agreement(script: Callable[..., ModuleType], tmp_path: Path, small_model: Path) -> None:
    words = ("agreement", "--model", small_model, "--count", 2, "--kept", tmp_path / "kept")
    module = script("grid", *words, "--output", tmp_path / "grid.tsv")
    module.WAYS = {name: module.WAYS[name] for name in ("reference", "centred", "grid")}
    module.main()
    table = numbers(tmp_path / "grid.tsv")
    assert list(table) == ["centred", "grid", "grid, against centred"]
    assert (table["centred"][0], table["grid"][0]) == (1, 1)
    assert len(list((tmp_path / "kept").iterdir())) == 3
    values = module.np.random.default_rng(0).normal(size=(9, 3))
    assert module.compare(2 * values, values) == (1, 1, 1)
