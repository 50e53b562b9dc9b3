"""One placement for all that describe the same change."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.normalisation import locate, normalise
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf import read_variants
from tests.builders import make_fasta, make_vcf


@dataclass
class StringGenome:
    sequence: str

    def fetch(self, contig: str, start: int, end: int) -> bytes:
        letters = (self.sequence[at] if 0 <= at < len(self.sequence) else "N" for at in range(start, end))
        return "".join(letters).encode()


def variant(position: int, reference: str, alternate: str) -> Variant:
    return Variant("1", position, "id", reference, alternate, record=7, allele=2)


def normal(contig: str, position: int, reference: str, alternate: str) -> tuple[int, str, str]:
    found = normalise(variant(position, reference, alternate), StringGenome(contig), "1")
    assert (found.contig, found.id, found.record, found.allele) == ("1", "id", 7, 2)
    return found.position, found.reference, found.alternate


# 0000000001111111
# 1234567890123456
CONTIG = "GGTCACACATTNTTAA"


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ((4, "C", "G"), (4, "C", "G")),
        ((3, "TCA", "TGA"), (4, "C", "G")),
        ((4, "CACA", "CGGA"), (5, "AC", "GG")),
        ((4, "CAC", "GT"), (4, "CAC", "GT")),
        ((3, "TCAC", "TGT"), (4, "CAC", "GT")),
        ((3, "TCA", "T"), (3, "TCA", "T")),
        ((6, "CAC", "C"), (3, "TCA", "T")),
        ((7, "ACA", "A"), (3, "TCA", "T")),
        ((4, "CACACA", "CACA"), (3, "TCA", "T")),
        ((9, "A", "ACA"), (3, "T", "TCA")),
        ((9, "A", "AAC"), (9, "A", "AAC")),
        ((2, "G", "GG"), (1, "G", "GG")),
        ((1, "GG", "G"), (1, "GG", "G")),
        ((1, "G", "GA"), (1, "G", "GA")),
        ((1, "G", "AG"), (1, "G", "AG")),
        ((13, "TT", "T"), (12, "NT", "N")),
        ((11, "TNT", "T"), (10, "TTN", "T")),
        ((15, "AA", "A"), (14, "TA", "T")),
        ((9, "att", "at"), (9, "AT", "A")),
    ],
)  # fmt: skip
def test_by_hand(record: tuple[int, str, str], expected: tuple[int, str, str]) -> None:
    assert normal(CONTIG, *record) == expected


def test_what_is_normal_stays_the_same_object() -> None:
    for one in (variant(3, "TCA", "T"), variant(4, "c", "g"), variant(4, "CAC", "GT"), variant(4, "C", "C")):
        assert normalise(one, StringGenome(CONTIG), "1") is one


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        ((3, "TCA", "T"), (3, 5, "", 9)),
        ((3, "T", "TCA"), (3, 3, "CA", 9)),
        ((3, "T", "TCACA"), (3, 3, "CACA", 9)),
        ((4, "C", "G"), (3, 4, "G", 4)),
        ((4, "CAC", "GT"), (3, 6, "GT", 6)),
        ((12, "NT", "N"), (12, 13, "", 14)),
        ((14, "TA", "T"), (14, 15, "", 16)),
    ],
)  # fmt: skip
def test_where_a_change_lies_by_hand(record: tuple[int, str, str], expected: tuple[int, int, str, int]) -> None:
    assert locate(variant(*record), StringGenome(CONTIG), "1") == expected


def test_repeats_longer_than_a_block() -> None:
    unit = "ACGTTCAGGT"
    contig = "G" + unit * 900 + "C"
    assert normal(contig, 9001, "TC", "C")[0] == 9000
    last = len(contig) - len(unit)
    assert normal(contig, last, contig[last - 1 :][: len(unit)] + "C", "C") == (1, "G" + unit, "G")
    assert locate(variant(1, "G" + unit, "G"), StringGenome(contig), "1").last == len(contig) - 1


@st.composite
def changes(draw: st.DrawFn) -> tuple[str, str, int, str, bool]:
    """A contig of few letters, the changed one, and one placement: start, unit, whether it is taken out."""
    contig = draw(st.text("AC", min_size=2, max_size=30))
    deleted = draw(st.booleans())
    start = draw(st.integers(0, len(contig) - 1))
    unit = contig[start : start + draw(st.integers(1, 4))] if deleted else draw(st.text("AC", min_size=1, max_size=4))
    changed = contig[:start] + contig[start + len(unit) :] if deleted else contig[:start] + unit + contig[start:]
    return contig, changed, start, unit, deleted


@settings(deadline=None)
@given(changes())
def test_all_placements_of_a_change_are_one(change: tuple[str, str, int, str, bool]) -> None:
    contig, changed, _, unit, deleted = change
    assume(changed)  # VCF cannot say that nothing is left
    genome, n = StringGenome(contig), len(unit)
    found, starts = set(), []
    for start in range(len(contig) - n + 1 if deleted else len(contig) + 1):
        if deleted:
            reference, alternate, rest = contig[start : start + n], "", start + n
        else:
            reference, alternate, rest = "", changed[start : start + n], start
        if contig[:start] + alternate + contig[rest:] != changed:
            continue
        starts.append(start)
        for before, after in ((1, 0), (0, 1), (2, 3)):
            left, right = contig[max(start - before, 0) : start], contig[rest : rest + after]
            if left + reference + right and left + alternate + right:
                record = variant(start - len(left) + 1, left + reference + right, left + alternate + right)
                found.add(normalise(record, genome, "1"))
    (one,) = found
    here = contig[: one.start] + one.alternate.replace("N", "") + contig[one.end :]
    assert here == changed
    site = locate(one, genome, "1")
    assert (site.start, site.last) == (starts[0], starts[-1] + n * deleted)
    assert site.growth == len(changed) - len(contig)


@pytest.mark.skipif(shutil.which("bcftools") is None, reason="needs bcftools")
def test_as_bcftools_norm(tmp_path: Path) -> None:
    contig = "GATTTTTACACACACAGGGCATCATCATCATGTTTGCAACCTTGGAACCGGTTACGTA"
    rows = [
        ("1", at + 1, ".", reference, alternate)
        for at in range(1, len(contig) - 6)
        for length in (1, 2, 3)
        for reference, alternate in (
            (contig[at : at + length + 1], contig[at]),
            (contig[at], contig[at : at + length + 1]),
            (contig[at], contig[at] + contig[at - 1]),
            (
                contig[at : at + 3],
                contig[at] + {"A": "C", "C": "G", "G": "T", "T": "A"}[contig[at + 1]] + contig[at + 2],
            ),
        )
        if reference != alternate
    ]
    fasta = make_fasta(tmp_path / "genome.fa", {"1": contig})
    vcf = make_vcf(tmp_path / "variants.vcf", rows, {"1": len(contig)})
    command = ["bcftools", "norm", "--no-version", "-f", str(fasta), str(vcf), "-o", str(tmp_path / "norm.vcf")]
    subprocess.run(command, check=True, capture_output=True)
    genome = Genome(fasta)
    expected = sorted((one.position, one.reference, one.alternate) for one in read_variants(tmp_path / "norm.vcf"))
    found = [normalise(one, genome, "1") for one in read_variants(vcf)]
    assert sorted((one.position, one.reference, one.alternate) for one in found) == expected
