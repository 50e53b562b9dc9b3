"""Cooler files: read back by cooler, and by the schema with h5py alone."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from enformer_vep.errors import OutputError, UsageError
from enformer_vep.tables.cool import ZOOMS, Pixels, PixelStore, coarsened, write_cool

h5py = pytest.importorskip("h5py")
LENGTHS = {"chr2": 128 * 40 - 30, "chrNone": 999, "chr1": 128 * 20}
BINS = {"chr2": 40, "chr1": 20}
NOTES = {"model": "toy", "settings": {"layers": "all"}}


def upper(contig: str, first: int, values: np.ndarray) -> Pixels:
    row, column = np.triu_indices(len(values))
    return Pixels(contig, first + row, first + column, values[row, column])


@pytest.fixture(scope="module")
def maps() -> dict[str, np.ndarray]:
    """Symmetric maps of whole contigs; not known at NaN."""
    random = np.random.default_rng(1)
    result = {}
    for contig, bins in BINS.items():
        half = random.random((bins, bins)).astype(np.float32)
        result[contig] = (half + half.T) / 2
    result["chr2"][:5] = result["chr2"][:, :5] = np.nan
    return result


@pytest.fixture
def store(tmp_path: Path, maps: dict[str, np.ndarray]) -> Iterator[PixelStore]:
    """In parts that end anywhere between two rows."""
    with closing(PixelStore(tmp_path)) as store:
        for contig, values in maps.items():
            first = 5 if contig == "chr2" else 0
            whole = upper(contig, first, values[first:, first:])
            for part in np.array_split(np.unique(whole.first), 4):
                store.add(whole.select(np.isin(whole.first, part)))
        yield store


def blocks(values: np.ndarray, zoom: int) -> np.ndarray:
    """Means over blocks of the known part of a symmetric map."""
    size = -(-len(values) // zoom)
    padded = np.full((size * zoom, size * zoom), np.nan)
    padded[: len(values), : len(values)] = values
    parts = padded.reshape(size, zoom, size, zoom)
    counts = np.isfinite(parts).sum((1, 3))
    return np.where(counts, np.nansum(parts, (1, 3)) / np.maximum(counts, 1), np.nan)


@pytest.mark.parametrize("zoom", [1, 2, 3, 16])
def test_larger_bins_hold_means(store: PixelStore, maps: dict[str, np.ndarray], zoom: int) -> None:
    for contig, values in maps.items():
        expected = blocks(values, zoom)
        result = np.full(expected.shape, np.nan)
        for part in coarsened(store, zoom):
            if part.contig == contig:
                assert (part.first <= part.second).all()
                assert np.isnan(result[part.first, part.second]).all(), "each pixel once"
                result[part.first, part.second] = part.values
        np.testing.assert_allclose(result, np.where(np.tri(len(expected), k=-1) > 0, np.nan, expected), rtol=1e-6)


def test_the_schema_read_without_cooler(tmp_path: Path, store: PixelStore, maps: dict[str, np.ndarray]) -> None:
    pytest.importorskip("cooler")
    path = tmp_path / "maps.cool"
    write_cool(path, LENGTHS, 128, store, NOTES)
    with h5py.File(path) as file:
        assert {name: file.attrs[name] for name in ("format", "format-version", "bin-type", "bin-size")} == {
            "format": "HDF5::Cooler", "format-version": 3, "bin-type": "fixed", "bin-size": 128,
        }  # fmt: skip
        assert file.attrs["storage-mode"] == "symmetric-upper"
        assert file["chroms/name"][:].astype(str).tolist() == ["chr2", "chr1"]
        assert file["chroms/length"][:].tolist() == [LENGTHS["chr2"], LENGTHS["chr1"]]
        chrom, start, end = (file[f"bins/{name}"][:] for name in ("chrom", "start", "end"))
        assert (len(chrom), chrom[39], start[39], end[39], chrom[40], start[40]) == (60, 0, 4992, 5090, 1, 0)
        first, second, values = (file[f"pixels/{name}"][:] for name in ("bin1_id", "bin2_id", "count"))
        assert values.dtype == np.float32
        assert file["indexes/bin1_offset"][-1] == len(values) == file.attrs["nnz"]
        whole = np.full((60, 60), np.nan)
        whole[first, second] = values
    for contig, offset in (("chr2", 0), ("chr1", 40)):
        expected = np.where(np.tri(BINS[contig], k=-1) > 0, np.nan, maps[contig])
        part = slice(offset, offset + BINS[contig])
        np.testing.assert_array_equal(whole[part, part], expected)
    assert [one.name for one in tmp_path.iterdir()] == ["maps.cool"]


def test_cooler_reads_every_resolution(tmp_path: Path, store: PixelStore, maps: dict[str, np.ndarray]) -> None:
    cooler = pytest.importorskip("cooler")
    path = tmp_path / "maps.mcool"
    write_cool(path, LENGTHS, 128, store, NOTES)
    assert cooler.fileops.is_multires_file(str(path))
    assert cooler.fileops.list_coolers(str(path)) == [f"/resolutions/{128 * zoom}" for zoom in ZOOMS]
    for zoom in ZOOMS:
        one = cooler.Cooler(f"{path}::resolutions/{128 * zoom}")
        assert one.info["metadata"] == NOTES
        matrix = one.matrix(balance=False).fetch("chr2")
        expected = np.nan_to_num(blocks(maps["chr2"], zoom))
        np.testing.assert_allclose(matrix, expected, rtol=1e-6)
        np.testing.assert_array_equal(matrix, matrix.T)


def test_what_cannot_be_written(tmp_path: Path, store: PixelStore) -> None:
    pytest.importorskip("cooler")
    with pytest.raises(UsageError, match=r"\.cool or \.mcool"):
        write_cool(tmp_path / "maps.hic", LENGTHS, 128, store, NOTES)
    with closing(PixelStore(tmp_path)) as nothing, pytest.raises(UsageError, match="no window has a map"):
        write_cool(tmp_path / "maps.cool", LENGTHS, 128, nothing, NOTES)
    with pytest.raises(OutputError, match="does not exist"):
        write_cool(tmp_path / "none" / "maps.cool", LENGTHS, 128, store, NOTES)
    assert list(tmp_path.iterdir()) == []
