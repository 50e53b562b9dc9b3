"""The background of the example calibration has what its description says."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

from enformer_vep.genome.alleles import VariantClass, variant_class
from enformer_vep.genome.checks import check_variant
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status
from enformer_vep.genome.vcf import read_variants
from tests.builders import make_fasta, make_vcf, random_sequence

TOOL = Path(__file__).parents[2] / "tools" / "calibration_background.py"
OTHER = {"A": "C", "C": "G", "G": "T", "T": "A"}


def test_every_class_has_its_alleles(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = random_sequence(np.random.default_rng(1), 30_000)
    genome = make_fasta(tmp_path / "genome.fa", {"chr1": here})
    # Pairs 3 bp apart, and others 40 bp from the next.
    places = [place + more for place in range(100, 29_000, 80) for more in (0, 3, 40)]
    snvs = [("chr1", place, ".", here[place - 1], OTHER[here[place - 1]]) for place in places]
    deletion = ("chr1", 500, "rs1", here[499:501], here[499])
    sites, indels = make_vcf(tmp_path / "sites.vcf", snvs, ["chr1"]), make_vcf(tmp_path / "i.vcf", [deletion], ["chr1"])
    words = [str(TOOL), sites, indels, genome, "-o", tmp_path / "out", "--every", 11, "--each", 6]
    monkeypatch.setattr(sys, "argv", list(map(str, words)))
    runpy.run_path(str(TOOL), run_name="__main__")
    assert "deletion_1\t6\tobserved:1\tmade_up:5" in capsys.readouterr().out
    made = [
        one
        for name in ("substitutions", "indels", "long_indels")
        for one in read_variants(str(tmp_path / "out" / f"{name}.vcf"))
    ]
    counts = dict.fromkeys(VariantClass, 0)
    for one in made:
        assert check_variant(one, Genome(genome), 1000) is Status.OK
        counts[variant_class(one.reference, one.alternate)] += 1
    assert counts.pop(VariantClass.SNV) == len(snvs) // 11
    # Of 21 bp and more six are drawn, few of them over 64; of those over 64 six more.
    for kind, longest in (("insertion", VariantClass.INSERTION_LONG), ("deletion", VariantClass.DELETION_LONG)):
        number = counts.pop(longest)
        assert 6 <= number <= 9
        assert counts.pop(VariantClass(f"{kind}_21_64")) == 12 - number
    assert set(counts.values()) == {6}
    assert len({(one.position, one.reference, one.alternate) for one in made}) == len(made)
