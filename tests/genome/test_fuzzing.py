"""Damaged input ends in all its rows or in one line, never in a crash, a hang or a lost row."""

import gzip
import json
import os
import random
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from enformer_vep.errors import InputError
from enformer_vep.genome.checks import check_alleles
from enformer_vep.genome.variants import Status
from enformer_vep.genome.vcf import read_variants
from tests.builders import bgzip, index_variants, make_bcf, make_vcf, vcf_text
from tests.conftest import REPOSITORY

SEEDS = 100
# A process of its own: what goes wrong in htslib may take the process with it.
READER = """
import json, os, sys
from enformer_vep.errors import InputError
from enformer_vep.genome.regions import Region
from enformer_vep.genome.vcf import read_variants
for path in sys.stdin.read().split():
    source, _, region = path.partition("@")
    regions = [Region("chr1", *map(int, region.split("-")))] if region.strip("-") else []
    if region == "-":
        os.dup2(os.open(source, os.O_RDONLY), 0)
        source = "-"
    try:
        verdict = len({variant.record for variant in read_variants(source, regions)})
    except InputError as error:
        verdict = str(error)
    print(json.dumps([path, verdict]), flush=True)
"""
Verdicts = dict[str, int | str]


def verdicts_on(paths: Iterable[str]) -> Verdicts:
    """Number of records or error of every file; `FILE@-` reads it as standard input, `FILE@5-9` a region."""
    paths = list(paths)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", READER], input="\n".join(paths), capture_output=True, text=True,
        timeout=120, cwd=REPOSITORY, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    verdicts = dict(json.loads(line) for line in done.stdout.splitlines())
    assert list(verdicts) == paths
    for path, verdict in verdicts.items():
        if isinstance(verdict, str):
            assert "\n" not in verdict
            assert ("standard input" if path.endswith("@-") else path.partition("@")[0]) in verdict
    return verdicts


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


def damaged_files(folder: Path, kind: str) -> dict[str, int | None]:
    """Damaged files, with the rows that each has to give unless it is refused."""
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
        # Checksums hold together what is in a BCF: it gives all its rows or none.
        files[str(path)] = rows_of(text if kind == "bcf" else content)
    return files


@pytest.mark.parametrize("kind", ["vcf", "vcf.gz", "bcf"])
@pytest.mark.parametrize("way", ["", "@-"], ids=["file", "standard input"])
def test_every_row_or_one_line(kind: str, way: str, tmp_path: Path) -> None:
    files = damaged_files(tmp_path, kind)
    verdicts = verdicts_on(path + way for path in files)
    for path, verdict in verdicts.items():
        assert isinstance(verdict, str) or verdict == files[path.removesuffix(way)], path
    assert any(isinstance(verdict, str) for verdict in verdicts.values())
    assert any(isinstance(verdict, int) for verdict in verdicts.values())


def test_every_byte_of_a_bcf(tmp_path: Path) -> None:
    """No checksum guards a BCF that is not compressed: the process goes on whatever bit of a record is wrong."""
    rows = ["chr1\t10\trs1\tA\tC,G\t.\t.\tEND=12", "chr1\t20\t.\tAT\t.\t.\t.\t.", "chr2\t5\tx\tA\tT\t.\t.\t."]
    made = make_bcf(tmp_path / "whole.bcf", make_vcf(tmp_path / "whole.vcf", rows, ["chr1", "chr2"]))
    whole = gzip.decompress(made.read_bytes())
    header = 9 + int.from_bytes(whole[5:9], "little")
    files = []
    for bit in [*range(0, 8 * header, 8), *range(8 * header, 8 * len(whole))]:
        content = bytearray(whole)
        content[bit // 8] ^= 1 << bit % 8
        files.append(tmp_path / f"{bit}.bcf")
        files[-1].write_bytes(content)
    for seed in range(500):
        dice, content = random.Random(seed), bytearray(whole)
        for _ in range(dice.randint(2, 6)):
            content[dice.randrange(header, len(whole))] = dice.choice(b"\0\1\7\x0f\x11\x17\x80\xff")
        files.append(tmp_path / f"seed{seed}.bcf")
        files[-1].write_bytes(content)
    verdicts = verdicts_on(map(str, files))
    assert {verdict for verdict in verdicts.values() if isinstance(verdict, int)} == {len(rows)}


@pytest.mark.parametrize("kind", ["vcf.gz", "bcf"])
def test_a_region_that_meets_damage(kind: str, tmp_path: Path) -> None:
    """It does not end there as if it were complete."""
    dice = random.Random(kind)
    records = [("chr1", 10 * n + 1, f"rs{dice.getrandbits(300)}", "A", "C") for n in range(4_000)]
    whole = make_vcf(tmp_path / "whole.vcf", records)
    whole = bgzip(tmp_path / "whole.vcf.gz", whole.read_bytes()) if kind == "vcf.gz" else make_bcf(
        tmp_path / "whole.bcf", whole
    )  # fmt: skip
    index = index_variants(whole)
    expected = {}
    for seed in range(150):
        path = tmp_path / f"{seed}.{kind}"
        content = bytearray(whole.read_bytes())
        for _ in range(dice.choice([1, 40])):
            content[dice.randrange(len(content) - 28)] ^= 1 << dice.randrange(8)
        path.write_bytes(content)
        shutil.copyfile(index, f"{path}{index.suffix}")
        start = dice.randrange(40_000)
        end = start + dice.choice([15, 2_000, 40_000])
        expected[f"{path}@{start}-{end}"] = sum(start < record[1] <= end for record in records)
    verdicts = verdicts_on(expected)
    for path, verdict in verdicts.items():
        assert isinstance(verdict, str) or verdict == expected[path], path
    assert {type(verdict) for verdict in verdicts.values()} == {int, str}


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
