"""The published weights against outputs that others have published.

The 24 variants with the largest effects of 110 around ZNF83 (GRCh38 chr19): the mean over all bins of the human track
5110 (CAGE of a lymphoblastoid line) for reference and alternate on both strands, as ni-lab/finetuning-enformer has them
(commit 98d74e9; weights of EleutherAI/enformer-official-rough, run with enformer-pytorch on a GPU). They were made on
GRCh37's sequence: the two assemblies differ at some bases, so agreement is near, not exact.
"""

import csv
import gzip
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from enformer_vep.genome.encoding import Codes, encode
from enformer_vep.verification.check import Check, Verdict
from enformer_vep.verification.definitions import Array

TRACK = 5110
PUBLISHED_WINDOW = 196_608
BEFORE = 98_304
"""Bases of the window before the variant's: one more than where `score` puts it."""
TRACKS = 5313
LEAST_CORRELATION = {"reference": 0.98, "effect": 0.9}
LARGEST_DIFFERENCE = {"reference": 0.05, "effect": 0.3}
"""Medians of the relative difference. Two assemblies are worth a per cent in a prediction, and more in a difference of
two; a wrong strand, centre, track, head or positional table is far outside."""
_FORWARD, _REVERSE = "forward", "reverse"


@dataclass(frozen=True, slots=True)
class PublishedVariant:
    """One variant and what was published of it.

    Attributes:
        position: 1-based, on GRCh38's chr19.
        reference: uint8 [196,608], base codes of the forward window.
        alternate: The same with the other allele.
        expected: float64 [2, 2], forward and reverse strand by reference and alternate.
    """

    position: int
    reference: Codes
    alternate: Codes
    expected: Array


@dataclass(frozen=True, slots=True)
class Agreement:
    """How near one kind of number is on one strand.

    Attributes:
        correlation: Pearson's.
        difference: Median of the relative difference.
    """

    correlation: float
    difference: float

    @classmethod
    def of(cls, got: Array, expected: Array) -> "Agreement":
        """Of the same numbers, [variants] each."""
        varies = got.std() > 0 and expected.std() > 0
        correlation = float(np.corrcoef(got, expected)[0, 1]) if varies else 0.0
        return cls(correlation, float(np.median(np.abs(got - expected) / np.abs(expected))))

    def is_near(self, kind: str) -> bool:
        """Whether it is what the published weights give."""
        return self.correlation >= LEAST_CORRELATION[kind] and self.difference <= LARGEST_DIFFERENCE[kind]


def read_published(count: int | None = None) -> list[PublishedVariant]:
    """Read the variants that come with the package; evenly spread ones when not all are wanted."""
    folder = files("enformer_vep").joinpath("data")
    text = folder.joinpath("published_znf83.tsv").read_text(encoding="utf-8").splitlines()
    start, end = (int(word) for word in text[0].partition("chr19:")[2].partition(" ")[0].split("-"))
    packed = np.frombuffer(gzip.decompress(folder.joinpath("published_znf83.2bit.gz").read_bytes()), dtype=np.uint8)
    codes = (packed[:, None] >> np.array([6, 4, 2, 0], dtype=np.uint8) & 3).reshape(-1)[: end - start].astype(np.uint8)
    rows = list(csv.DictReader(text[1:], delimiter="\t"))
    chosen = range(len(rows)) if count is None else np.linspace(0, len(rows) - 1, count).round().astype(int)
    return [_variant(rows[number], codes, start) for number in dict.fromkeys(chosen)]


def _variant(row: dict[str, str], codes: Codes, start: int) -> PublishedVariant:
    first = int(row["pos"]) - 1 - BEFORE - start
    reference = codes[first : first + PUBLISHED_WINDOW]
    alternate = reference.copy()
    before, after = encode(row["ref"].encode()), encode(row["alt"].encode())
    assert reference[BEFORE] == before[0], "REF is what the sequence has"
    alternate[BEFORE] = after[0]
    expected = [[float(row[f"{allele}_{strand}"]) for allele in ("ref", "alt")] for strand in (_FORWARD, _REVERSE)]
    return PublishedVariant(int(row["pos"]), reference, alternate, np.array(expected))


def compare_published(
    variants: Sequence[PublishedVariant], predict: Callable[[PublishedVariant], Array]
) -> Iterator[Check]:
    """Compare predictions with what was published.

    Args:
        variants: Three at least.
        predict: Gives [2, 2] of a variant, as `PublishedVariant.expected`.

    Yields:
        A check for the references and the effects of each strand.
    """
    got = np.stack([predict(one) for one in variants])
    expected = np.stack([one.expected for one in variants])
    for kind, of_got, of_expected in (
        ("reference", got[:, :, 0], expected[:, :, 0]),
        ("effect", got[:, :, 1] - got[:, :, 0], expected[:, :, 1] - expected[:, :, 0]),
    ):
        meaning = _meaning(of_got, of_expected, kind)
        for number, strand in enumerate((_FORWARD, _REVERSE)):
            found = Agreement.of(of_got[:, number], of_expected[:, number])
            verdict = Verdict.PASSED if found.is_near(kind) else Verdict.FAILED
            yield Check(
                f"published {kind}s, {strand} strand",
                verdict,
                f"correlation {found.correlation:.3f} (at least {LEAST_CORRELATION[kind]}), relative difference "
                f"{found.difference:.1e} (at most {LARGEST_DIFFERENCE[kind]})",
                "" if verdict is Verdict.PASSED else meaning,
            )


def _meaning(got: Array, expected: Array, kind: str) -> str:
    """What two strands that do not agree have in common; [variants, 2] each."""
    swapped = [Agreement.of(got[:, number], expected[:, 1 - number]) for number in range(2)]
    if all(one.is_near(kind) for one in swapped):
        return "the strands are swapped"
    own = [Agreement.of(got[:, number], expected[:, number]) for number in range(2)]
    if any(one.is_near(kind) for one in own):
        return "one strand is right: reverse complements, or the place of the variant in them"
    if all(one.correlation >= LEAST_CORRELATION[kind] for one in own):
        return "right but for a scale: another head or activation, or values that were transformed"
    if all(one.correlation > 0.5 for one in own):
        return "near, not the same: another positional table (gamma features), centre, or fine-tuned weights"
    return "not the published model: other weights, head or order of tracks"
