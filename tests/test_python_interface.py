"""`import enformer_vep as ev`: its names, its predictions against the network's own, and what it leaves alone."""

import ctypes
import pydoc
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch

import enformer_vep as ev
from enformer_vep.errors import EnformerVepError, InputError, UsageError
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.models.families import FAMILIES
from enformer_vep.scoring.scorer import Scorer
from tests.builders import make_fasta, random_sequence
from tests.models.toy_family import TOY, WEIGHTS, WIDTH, make_toy_model

CPU = ev.ComputeSettings(device="cpu", batch_size=2)
WINDOW = 2048
RANDOM = np.random.default_rng(8)
SEQUENCES = [random_sequence(RANDOM, WINDOW) for _ in range(2)] + ["N" * 100 + random_sequence(RANDOM, WINDOW - 100)]
ROWS = {"A": (1, 0, 0, 0), "C": (0, 1, 0, 0), "G": (0, 0, 1, 0), "T": (0, 0, 0, 1), "N": (0, 0, 0, 0)}
OTHER_STRAND = str.maketrans("ACGT", "TGCA")


@pytest.fixture
def model(small_model: Path) -> LoadedModel:
    return ev.load_model(small_model)


def forward(model: LoadedModel, sequences: list[str]) -> npt.NDArray[np.float32]:
    """The network's own pass, over letters put into rows here."""
    with torch.inference_mode():
        x = torch.tensor([[ROWS[letter] for letter in one] for one in sequences], dtype=torch.float32)
        embedding = model.network.embed(x)
        return torch.nn.functional.softplus(model.network.head("human")(embedding)).numpy()


def open_cpu(model: LoadedModel, **settings: Any) -> Scorer:
    return ev.open_scorer(model, ev.ScoreSettings(**settings), CPU)


@pytest.mark.parametrize("engine", [ev.Engine.PAIR, None])
def test_predictions_are_the_network_s_own(model: LoadedModel, engine: ev.Engine | None) -> None:
    expected = forward(model, SEQUENCES)
    found = ev.predict(SEQUENCES, open_cpu(model, engine=engine))
    assert (found.dtype, found.shape) == (np.float32, (3, 8, 5))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)
    some = ev.predict(SEQUENCES, open_cpu(model, tracks="3,1", centre_bins=2, engine=engine))
    np.testing.assert_allclose(some, expected[:, 3:5, [3, 1]], rtol=1e-5, atol=1e-7)


def test_strands_and_groups_are_averaged(model: LoadedModel, tmp_path: Path) -> None:
    other = forward(model, [one.translate(OTHER_STRAND)[::-1] for one in SEQUENCES])[:, ::-1]
    expected = (forward(model, SEQUENCES) + other) / 2
    both = ev.predict(SEQUENCES, open_cpu(model, reverse_complement=True))
    np.testing.assert_allclose(both, expected, rtol=1e-5, atol=1e-7)
    (tmp_path / "groups.tsv").write_text("0\tfirst\n1\tfirst\n2\tsecond\n")
    grouped = ev.predict(SEQUENCES, open_cpu(model, reverse_complement=True, groups=str(tmp_path / "groups.tsv")))
    means = np.stack([expected[..., :2].mean(axis=2), expected[..., 2]], axis=2)
    np.testing.assert_allclose(grouped, means, rtol=1e-5, atol=1e-7)


def test_every_form_of_a_sequence_says_the_same(model: LoadedModel) -> None:
    scorer = open_cpu(model)
    expected = ev.predict(SEQUENCES, scorer)
    codes = np.array([["ACGTN".index(letter) for letter in one] for one in SEQUENCES], dtype=np.uint8)
    for form in (
        [one.lower() for one in SEQUENCES],
        [one.replace("N", "R").encode() for one in SEQUENCES],
        codes,
        np.asfortranarray(codes),
        list(codes),
    ):
        np.testing.assert_array_equal(ev.predict(form, scorer), expected)
    assert ev.predict([], scorer).shape == (0, 8, 5)


def test_the_reference_of_an_effect(model: LoadedModel, tmp_path: Path) -> None:
    """The window of a variant, given as letters, has the prediction that the variant has."""
    genome = ev.Genome(make_fasta(tmp_path / "genome.fa", {"1": SEQUENCES[0] + SEQUENCES[1]}))
    variant = ev.Variant("1", 2000, ".", (SEQUENCES[0] + SEQUENCES[1])[1999], "N")
    scorer = open_cpu(model, engine=ev.Engine.PAIR)
    reference, _ = ev.predict_effect(variant, genome, scorer)
    start = 1999 - (WINDOW // 2 - 1)
    window = (SEQUENCES[0] + SEQUENCES[1])[start : start + WINDOW]
    np.testing.assert_allclose(ev.predict([window], scorer)[0], reference, rtol=1e-6)


def test_another_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bins of 32 bp, counted by hand; strands of a stranded track change places."""
    monkeypatch.setitem(FAMILIES, "toy", TOY)
    toy = ev.load_model(make_toy_model(tmp_path / "toy.safetensors"))
    sequence = random_sequence(np.random.default_rng(1), 1024)
    bins = [sequence[128 + WIDTH * number :][:WIDTH] for number in range(24)]
    counts = np.array([[one.count(letter) for letter in "ACGT"] for one in bins], dtype=np.float64)
    expected = np.logaddexp(0, counts @ np.array(WEIGHTS).T)
    for both_strands in (False, True):
        found = ev.predict([sequence], open_cpu(toy, reverse_complement=both_strands))
        np.testing.assert_allclose(found[0], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("sequences", "error", "words"),
    [
        (["A" * 2047], InputError, "sequence 0 has 2047 bases, but this model reads 2048"),
        (["A" * 2048, ""], InputError, "sequence 1 has 0 bases"),
        (["A" * 2047 + "-"], InputError, "sequence 0 has '-': write A, C, G, T, N"),
        (["A" * 2047 + "é"], InputError, "write A, C, G, T, N"),
        ([b"U" * 2048], InputError, "sequence 0 has 'U'"),
        ("A" * 2048, InputError, "put it into a list"),
        (np.full((1, 2048), 5, np.uint8), InputError, "base code 5: A, C, G, T, N are 0, 1, 2, 3, 4"),
        (np.zeros((1, 2048)), InputError, r"give uint8 \[windows, 2048\]"),
        (np.zeros(2048, np.uint8), InputError, r"give uint8 \[windows, 2048\]"),
        (np.zeros((1, 2048, 4), np.uint8), InputError, r"give uint8 \[windows, 2048\]"),
    ],
)
def test_what_is_no_window_is_refused(
    model: LoadedModel, sequences: object, error: type[EnformerVepError], words: str
) -> None:
    with pytest.raises(error, match=words) as refused:
        ev.predict(sequences, open_cpu(model))
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("shifts", [(1,), (-1, 0, 1)])
def test_shifts_need_flanks(model: LoadedModel, shifts: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match=r"bases beside a window.*shifts=\(0,\)"):
        ev.predict(SEQUENCES, open_cpu(model, shifts=shifts))


def test_an_overflow_is_repeated_in_float32(model: LoadedModel) -> None:
    expected = forward(model, SEQUENCES)
    scorer = open_cpu(model, precision=ev.Precision.BFLOAT16, engine=ev.Engine.PAIR)
    overflown = replace(scorer.predictor, engine=Overflowing(scorer.predictor.engine))
    found = ev.predict(SEQUENCES, replace(scorer, predictor=overflown))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7)


def test_contributions(model: LoadedModel) -> None:
    """The gradient of the mean prediction in the middle, of the bases that are there; both strands averaged."""
    settings = ev.ContributionSettings(tracks="3,1", centre_bins=2, reverse_complement=True)
    found = ev.contributions(SEQUENCES, model, settings, CPU)
    assert (found.dtype, found.shape) == (np.float32, (3, 2, WINDOW))
    x = torch.tensor([[ROWS[letter] for letter in one] for one in SEQUENCES], dtype=torch.float32).requires_grad_()
    strands = [
        model.network.activate(model.network.head("human")(model.network.embed(one))) for one in (x, x.flip(1, 2))
    ]
    mean = (strands[0] + strands[1].flip(1))[:, 3:5].mean(dim=1) / 2
    for number, track in enumerate((3, 1)):
        (gradient,) = torch.autograd.grad(mean[:, track].sum(), x, retain_graph=True)
        expected = (gradient * x).sum(dim=2).detach().numpy()
        np.testing.assert_allclose(found[:, number], expected, rtol=1e-3, atol=1e-5 * np.abs(expected).max())
    assert ev.contributions([], model, settings, CPU).shape == (0, 2, WINDOW)
    calico = ev.ContributionSettings(recipe=ev.Recipe.CALICO, tracks="3", centre_bins=None)
    assert np.isfinite(ev.contributions(SEQUENCES[:1], model, calico, CPU)).all()


@pytest.mark.parametrize("settings", [{"shifts": (1,)}, {"queries": ("chr1:5",)}, {"genes": ev.GeneSettings()}])
def test_contributions_of_what_is_not_known(model: LoadedModel, settings: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="sequences have no genes, positions or bases beside them"):
        ev.contributions(SEQUENCES, model, ev.ContributionSettings(tracks="0", **settings), CPU)


class Overflowing:
    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def predict_windows(self, codes: torch.Tensor) -> torch.Tensor:
        return self._engine.predict_windows(codes) + torch.inf


def process_state() -> list[object]:
    """What belongs to the whole process, as torch has it."""
    return [
        torch.get_num_threads(),
        torch.get_num_interop_threads(),
        torch.get_default_dtype(),
        torch.is_grad_enabled(),
        torch.get_float32_matmul_precision(),
        torch.are_deterministic_algorithms_enabled(),
        torch.backends.cudnn.allow_tf32,
        torch.backends.cuda.matmul.allow_tf32,
        torch.backends.cudnn.deterministic,
        torch.backends.cudnn.benchmark,
    ]


@pytest.mark.parametrize("precision", [ev.Precision.FLOAT32, ev.Precision.FLOAT64, ev.Precision.MIXED])
@pytest.mark.parametrize("training", [False, True])
def test_model_and_process_stay_as_they_are(
    model: LoadedModel,
    tmp_path: Path,
    training: bool,
    precision: ev.Precision,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A model that is being trained is scored as an evaluated one; neither threads nor malloc are set."""
    asked: list[object] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda *names, **_: asked.append(names))
    sequence = SEQUENCES[0] + SEQUENCES[1]
    genome = ev.Genome(make_fasta(tmp_path / "genome.fa", {"1": sequence}))
    variant = ev.Variant("1", 2000, ".", sequence[1999], "A" if sequence[1999] != "A" else "C")
    settings = {"precision": precision, "engine": None if precision is ev.Precision.MIXED else ev.Engine.PAIR}
    expected = ev.score([variant], genome, open_cpu(model, **settings))
    network = model.network.requires_grad_(training)
    for module in list(network.modules())[:: 3 if training else 1]:
        module.training = training
    before = [(one.data_ptr(), one.device, one.dtype, one.clone()) for one in tensors(network)]
    flags = [module.training for module in network.modules()]
    state = process_state()
    scorer = open_cpu(model, **settings)
    found = ev.score([variant], genome, scorer)
    np.testing.assert_array_equal(found.iloc[:, 6:], expected.iloc[:, 6:])
    ev.predict(SEQUENCES[:1], scorer)
    after = list(tensors(network))
    for (pointer, device, dtype, values), one in zip(before, after, strict=True):
        assert (one.data_ptr(), one.device, one.dtype) == (pointer, device, dtype)
        assert torch.equal(one, values)
    assert [module.training for module in network.modules()] == flags
    assert all(one.requires_grad is training for one in network.parameters())
    assert process_state() == state
    assert asked == []


def test_threads_are_set_when_asked_for(model: LoadedModel) -> None:
    before = torch.get_num_threads()
    try:
        ev.open_scorer(model, compute=ev.ComputeSettings(device="cpu", threads=before + 1))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def tensors(network: torch.nn.Module) -> list[torch.Tensor]:
    return [*network.parameters(), *network.buffers()]


def in_a_fresh_process(check: str) -> None:
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_names_are_listed_without_loading_torch() -> None:
    in_a_fresh_process(
        "import sys, enformer_vep as ev\n"
        "names = [name for name in dir(ev) if not name.startswith('_')]\n"
        "assert names == sorted(ev.__all__), names\n"
        "assert all(name in ev.__doc__ for name in names)\n"
        "ev.ScoreSettings, ev.Score, ev.Variant\n"
        "assert 'torch' not in sys.modules\n"
        "assert all(getattr(ev, name) is not None for name in names)\n"
    )
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        _ = ev.scores


def test_help_describes_every_name() -> None:
    page = pydoc.plain(pydoc.render_doc(ev))
    manual, _, described = page.partition("PACKAGE CONTENTS")
    for name in ev.__all__:
        assert name in manual
        assert f"class {name}" in described or f"    {name}(" in described, name
    assert "float32 [W, bins, tracks]" in described
