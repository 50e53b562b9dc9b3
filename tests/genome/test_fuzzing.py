"""Damaged input ends in all its rows or in one line, never in a crash, a hang or a lost row."""

import gzip
import json
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from enformer_vep.errors import InputError
from enformer_vep.genome.checks import check_alleles
from enformer_vep.genome.variants import Status
from enformer_vep.genome.vcf import read_variants
from tests.builders import bgzip, make_bcf, vcf_text
from tests.conftest import REPOSITORY

SEEDS = 100
# A process of its own: what goes wrong in htslib may take the process with it.
READER = """
import json, sys, warnings
warnings.simplefilter("ignore")
from enformer_vep.errors import InputError
from enformer_vep.genome.vcf import read_variants
for path in sys.stdin.read().split():
    try:
        verdict = len({variant.record for variant in read_variants(path)})
    except InputError as error:
        verdict = str(error)
    print(json.dumps([path, verdict]), flush=True)
"""


def source(dice: random.Random) -> bytes:
    alternates = ["A", "C,T", "<DEL>", "*"]
    records = [
        ("chr1", 10 * n + 1, f"rs{n}", dice.choice("ACGT") * dice.randint(1, 3), dice.choice(alternates))
        for n in range(dice.randint(1, 60))
    ]
    return vcf_text(records, {"chr1": 100_000}).encode()


def flip(content: bytes, dice: random.Random) -> bytes:
    damaged = bytearray(content)
    for _ in range(dice.randint(1, 4)):
        damaged[dice.randrange(len(damaged))] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def cut(content: bytes, dice: random.Random) -> bytes:
    return content[: dice.randrange(len(content))]


def swap(content: bytes, dice: random.Random) -> bytes:
    lines = content.split(b"\n")
    number = dice.randrange(len(lines))
    fields = lines[number].split(b"\t")
    dice.shuffle(fields)
    lines[number] = b"\t".join(fields)
    return b"\n".join(lines)


def repeat(content: bytes, dice: random.Random) -> bytes:
    begin = dice.randrange(len(content))
    return content[:begin] + content[begin : begin + 50] * 2 + content[begin + 50 :]


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [flip, cut, swap, repeat]


def rows_of(content: bytes) -> int | None:
    """Records of a VCF that can be decompressed to its end; None for one that cannot."""
    if content[:2] == b"\x1f\x8b":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error):
            return None
    return sum(1 for line in content.splitlines() if line.strip() and not line.startswith(b"#"))


def damaged_files(folder: Path, kind: str) -> dict[str, bytes]:
    files = {}
    for seed in range(SEEDS):
        dice = random.Random(f"{kind} {seed}")
        text, mutate = source(dice), MUTATIONS[seed % len(MUTATIONS)]
        path = folder / f"{seed}.{kind}"
        if kind == "vcf":
            content = mutate(text, dice)
        elif kind == "vcf.gz" and seed % 2:
            content = bgzip(path, mutate(text, dice)).read_bytes()
        else:
            original = folder / "original.vcf"
            original.write_bytes(text)
            whole = bgzip(path, text) if kind == "vcf.gz" else make_bcf(path, original)
            content = mutate(whole.read_bytes(), dice)
        path.write_bytes(content)
        files[str(path)] = content
    return files


@pytest.mark.parametrize("kind", ["vcf", "vcf.gz", "bcf"])
def test_every_row_or_one_line(kind: str, tmp_path: Path) -> None:
    files = damaged_files(tmp_path, kind)
    done = subprocess.run(
        [sys.executable, "-c", READER], input="\n".join(files), capture_output=True, text=True, timeout=120,
        cwd=REPOSITORY, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    verdicts = dict(json.loads(line) for line in done.stdout.splitlines())
    assert list(verdicts) == list(files)
    for path, verdict in verdicts.items():
        if isinstance(verdict, str):
            assert "\n" not in verdict
            assert path in verdict
        elif kind != "bcf":
            assert verdict == rows_of(files[path]), path
    assert any(isinstance(verdict, str) for verdict in verdicts.values())
    assert kind == "bcf" or any(isinstance(verdict, int) for verdict in verdicts.values())


# Examples that the specification calls broken and that are read all the same, by the beginning of their names,
# with the reason. All others are refused, and every valid example is read.
READ_ALL_THE_SAME = {
    "failed_body_alt": "a bad ALT is a row with a status (non_acgtn_allele, symbolic_allele)",
    "failed_body_ref": "a bad REF is a row with a status (non_acgtn_allele)",
    "failed_body_chrom": "a bad contig name is a row with a status (unknown_contig)",
    "failed_body_id": "ID is copied, whatever it is",
    "failed_body_duplicated": "each duplicate gets its row, as every record does",
    "failed_body_contiguous": "order matters to --tabix only, which refuses it",
    "failed_body_unsorted": "order matters to --tabix only, which refuses it",
    "failed_body_no_newline": "the last line is whole without its line end",
    "failed_body_filter": "FILTER is not looked at",
    "failed_body_format": "FORMAT and samples are not looked at",
    "failed_body_info": "INFO is not looked at",
    "failed_body_qual": "QUAL is not looked at",
    "failed_body_sample": "FORMAT and samples are not looked at",
    "failed_fileformat": "any version of VCF is read",
    "failed_header": "columns after ALT are only counted",
    "failed_meta": "of ## lines only contig names are looked at",
}


def test_the_specification_s_examples() -> None:
    """The VCF test suite of samtools/hts-specs (folder test/vcf), named by VCF_SPECIFICATION_TESTS."""
    folder = os.environ.get("VCF_SPECIFICATION_TESTS")
    if not folder:
        pytest.skip("needs test/vcf of samtools/hts-specs, named by VCF_SPECIFICATION_TESTS")
    examples = sorted(Path(folder).rglob("*.vcf"))
    verdicts = {path: verdict_of(path) for path in examples}
    assert not [path for path in examples if path.parent.name == "passed" and verdicts[path] != "read"]
    read = {path.name for path in examples if path.parent.name == "failed" and verdicts[path] == "read"}
    assert not [name for name in read if not name.startswith(tuple(READ_ALL_THE_SAME))]
    assert not [prefix for prefix in READ_ALL_THE_SAME if not any(name.startswith(prefix) for name in read)]


def verdict_of(path: Path) -> str:
    """Whether the reader takes a file; one that it takes loses no row, and no bad allele can be scored."""
    try:
        variants = list(read_variants(str(path)))
    except InputError:
        return "refused"
    assert len({variant.record for variant in variants}) == rows_of(path.read_bytes()), path
    if path.name.startswith(("failed_body_alt", "failed_body_ref")):
        assert Status.OK not in {check_alleles(one.reference, one.alternate) for one in variants}, path
    return "read"
