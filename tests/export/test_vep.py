"""The VCF of Ensembl VEP's Enformer plugin, read by the plugin's rules."""

import gzip
from pathlib import Path

import numpy as np
import pysam
import pytest

from enformer_vep.errors import UsageError
from enformer_vep.export.exporter import ExportRequest, export
from enformer_vep.genome.variants import Variant
from enformer_vep.tables.row import Layout, ValueBlock
from tests.tables.rows import ROWS, ok, open_writer

LAYOUT = Layout((ValueBlock("SAD", ("a", "b")), ValueBlock("SAR", ("a", "b"))))


def table(folder: Path, layout: Layout = LAYOUT) -> str:
    with open_writer(str(folder / "scores.tsv"), layout) as writer:
        for number, row in enumerate(ROWS):
            plain = ok(Variant("1", 100 + number, "rs1", "A", "G"), *np.arange(len(layout.values)) - number / 3)
            bare = type(row)(plain.variant, row.status, None if row.values is None else plain.values)
            writer.write(bare)
    return str(folder / "scores.tsv")


def plugin_reads(line: str) -> dict[str, object]:
    """What `parse_data` of Enformer.pm takes from a line: INFO split at SAD, the rest at ";"."""
    contig, start, _, reference, alternate, _, _, info = line.split("\t")
    before, _, after = info.partition("SAD")
    sad, sar = after.split(";")
    return {
        "chr": contig.split("chr")[1],
        "start": int(start),
        "alleles": (reference, alternate),
        "PC": before,
        "SAD": [float(text) for text in sad.replace("=", "").split(",")],
        "SAR": [float(text) for text in sar.partition("=")[2].split(",")],
    }


def test_the_plugin_finds_both_scores(tmp_path):
    path = tmp_path / "vep.vcf.gz"
    export(ExportRequest(table(tmp_path), str(path), "vep"))
    lines = gzip.decompress(path.read_bytes()).decode().splitlines()
    found = [plugin_reads(line) for line in lines if not line.startswith("#")]
    assert [one["start"] for one in found] == [
        100 + number for number, row in enumerate(ROWS) if row.values is not None
    ]
    assert found[1] == {
        "chr": "1",
        "start": 101,
        "alleles": ("A", "G"),
        "PC": "",
        "SAD": [float(f"{np.float32(value):.9g}") for value in (-1 / 3, 2 / 3)],
        "SAR": [float(f"{np.float32(value):.9g}") for value in (5 / 3, 8 / 3)],
    }
    with pysam.TabixFile(str(path)) as file:
        assert [line.split("\t")[1] for line in file.fetch("chr1", 100, 101)] == ["101"]


def test_what_the_plugin_cannot_read(tmp_path):
    with pytest.raises(UsageError, match="reads SAD"):
        export(ExportRequest(table(tmp_path, Layout((ValueBlock("D1", ("a",)),))), str(tmp_path / "x.vcf.gz"), "vep"))
    with pytest.raises(UsageError, match=r"ends in \.vcf\.gz"):
        export(ExportRequest(table(tmp_path), str(tmp_path / "x.vcf"), "vep"))
