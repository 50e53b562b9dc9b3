"""Boundaries of BED files, and why one does not take part."""

from dataclasses import dataclass, field

import pytest

from enformer_vep.errors import InputError
from enformer_vep.explain.domains import BoundaryStatus, place, positions_by_contig, read_boundaries


@dataclass
class Contigs:
    contigs: dict[str, int] = field(default_factory=lambda: {"chr2": 1000, "chr10": 400})

    def resolve(self, name: str) -> str | None:
        return next((one for one in (name, f"chr{name}") if one in self.contigs), None)


def write(tmp_path, text):
    path = tmp_path / "some.bed"
    path.write_text(text)
    return path


def test_middles_of_intervals_or_both_ends_of_domains(tmp_path):
    path = write(tmp_path, "# a comment\ntrack name=x\nchr2\t100\t101\tfirst\textra\n\nchr2\t200\t300\nchr2 10 20\r\n")
    assert [(one.position, one.name) for one in read_boundaries(path)] == [(100, "first"), (250, "."), (15, ".")]
    assert [one.position for one in read_boundaries(path, domains=True)] == [100, 101, 200, 300, 10, 20]


@pytest.mark.parametrize("line", ["chr2\t5", "chr2\tfive\t6", "chr2\t6\t6", "chr2\t-1\t6", "chr2"])
def test_what_is_no_interval_is_named_by_its_line(tmp_path, line):
    with pytest.raises(InputError, match=r"line 2: .* expected BED"):
        read_boundaries(write(tmp_path, f"chr2\t1\t2\n{line}\n"))


@pytest.mark.parametrize("text", ["#nothing\n", "\n"])
def test_no_interval_at_all(tmp_path, text):
    with pytest.raises(InputError, match="holds no interval"):
        read_boundaries(write(tmp_path, text))


def test_an_empty_file(tmp_path):
    with pytest.raises(InputError, match="is empty"):
        read_boundaries(write(tmp_path, ""))


def test_every_boundary_has_a_status_and_none_is_lost(tmp_path):
    text = "".join(
        f"{contig}\t{position}\t{position + 1}\t{name}\n"
        for contig, position, name in [
            ("10", 200, "ok"),
            ("chr2", 500, "ok"),
            ("chr2", 520, "merged"),
            ("chr2", 521, "ok"),
            ("chr2", 500, "merged"),
            ("chr2", 49, "near_contig_end"),
            ("chr2", 951, "near_contig_end"),
            ("chr2", 50, "ok"),
            ("chr2", 950, "ok"),
            ("chr2", 1000, "outside_contig"),
            ("chr2", 0, "outside_contig"),
            ("chrUn", 70, "unknown_contig"),
        ]
    )
    placed = place(read_boundaries(write(tmp_path, text)), Contigs(), window=100, merge=20)
    assert [one.status for one in placed] == [one.name for one in placed]
    assert len(placed) == 12
    assert [one.contig for one in placed] == ["chr2"] * 10 + ["chr10", "chrUn"]
    assert [one.position for one in placed[:10]] == [0, 49, 50, 500, 500, 520, 521, 950, 951, 1000]
    found = positions_by_contig(placed)
    assert set(found) == {"chr2", "chr10"}
    assert found["chr2"].tolist() == [0, 49, 50, 500, 500, 520, 521, 950, 951, 1000]


def test_only_equal_positions_are_merged_when_nothing_is():
    from enformer_vep.explain.domains import Boundary

    placed = place([Boundary("chr2", position) for position in (300, 300, 301)], Contigs(), window=100, merge=0)
    assert [one.status for one in placed] == [BoundaryStatus.OK, BoundaryStatus.MERGED, BoundaryStatus.OK]
