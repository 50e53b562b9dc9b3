"""BCF through cyvcf2, with guards where it or htslib would lose records or end the process.

Measured on cyvcf2 0.35 with htslib 1.19: a region that meets a damaged block ends as if it were complete; of a
record that could not be parsed every field but the position may crash the process; POS is 32-bit; opening holds
the interpreter's lock, so that no pipe can be fed by a thread of the same process.
"""

import gzip
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cyvcf2 import VCF, Variant
from cyvcf2.cyvcf2 import set_htslib_log_level

from enformer_vep.errors import InputError
from enformer_vep.files.reading import InputStream, damage_named
from enformer_vep.genome.regions import Region
from enformer_vep.genome.vcf_text import Record, numbers_per_alternate

MAGIC = b"BCF\2"
_SILENT, _WARNINGS = 0, 3  # levels of htslib's log; the second is its default
_REGION_SUFFIXES = (".bcf", ".bcf.gz")  # other names are taken for text by cyvcf2 when it looks for a region


class Bcf:
    """An open BCF.

    Attributes:
        contigs: Contigs of the header, in its order.
    """

    def __init__(self, vcf: VCF, name: str, info: str | None = None) -> None:
        self._vcf = vcf
        self._name = name
        self._info = info
        self.contigs: list[str] = vcf.seqnames

    def records(self, first: int = 0) -> Iterator[Record]:
        """Reads records on to the end, in the order of the file, after passing over `first`."""
        for _ in range(first):
            if next(self._vcf, None) is None:
                return
        yield from map(self._record, self._vcf)

    def records_from(self, region: Region) -> Iterator[Record]:
        """Reads from the first record whose REF overlaps a region to the last that begins in it.

        The index only finds the first one: from there the file is read on record by record, because only so
        damage is told from the region's end. The region's contig is named as in the file.
        """
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # cyvcf2 only warns when it cannot look for a region
            found = self._vcf(f"{{{region.contig}}}:{region.start + 1}-{region.end}")
            first = next((one for one in map(self._record, found) if one.end > region.start), None)
        if first is None:
            next(self._vcf, None)  # raises when it was damage that ended the search
            return
        yield first
        for record in map(self._record, self._vcf):
            if record.contig != region.contig or record.position > region.end:
                return
            yield record

    def _record(self, found: Variant) -> Record:
        # Before any other field: they may point nowhere in a record that was only parsed in part.
        if found.end <= found.start:
            raise self._malformed(found, "it ends before it begins")
        alternates = tuple(found.ALT) or (".",)
        if len(alternates) > 1 and "." in alternates:
            raise self._malformed(found, "one of several ALT alleles is missing")
        numbers = () if self._info is None else self._numbers(found, self._info, len(alternates))
        record = Record(found.CHROM, found.start + 1, found.ID or ".", found.REF, alternates, numbers)
        text = "".join((record.id, record.reference, *alternates))
        if "\t" in text or "\n" in text:
            raise self._malformed(found, "a tab or line end in ID, REF or ALT")
        return record

    def _numbers(self, found: Variant, field: str, alternates: int) -> tuple[float | None, ...]:
        value = found.INFO.get(field)
        parts = value if isinstance(value, tuple) else (value,)
        # htslib has NaN for the missing one of several.
        known = ["." if one is None or one != one else str(one) for one in parts]
        place = f"{self._name}, record at position {found.start + 1}"
        return numbers_per_alternate(None if value is None else ",".join(known), alternates, field, place)

    def has_info(self, field: str) -> bool:
        """Whether the header declares an INFO field."""
        return f"##INFO=<ID={field}," in self._vcf.raw_header

    def _malformed(self, found: Variant, reason: str) -> InputError:
        return InputError(
            f"{self._name}, record at position {found.start + 1}: {reason}; correct it or make the file again"
        )


@contextmanager
def open_bcf(path: Path, name: str, index: Path | None = None, info: str | None = None) -> Iterator[Bcf]:
    """Opens a BCF; the block may read from it.

    Args:
        path: The file: BGZF whose end-of-file block was checked, or not compressed.
        name: What messages call it.
        index: Its .csi index, for regions.
        info: INFO field of numbers, one per ALT, to read as well.

    Yields:
        The BCF.

    Raises:
        InputError: It, or its index, is damaged; also for what is read in the block.
    """
    set_htslib_log_level(_SILENT)
    try:
        with (
            damage_named(name, (Exception,)),  # cyvcf2 raises nothing more specific
            _plain_name(path, index) as plain,
            VCF(plain, samples=[], lazy=True) as vcf,
        ):
            if index is not None:
                _set_index(vcf, plain, index)
            yield Bcf(vcf, name, info)
    finally:
        set_htslib_log_level(_WARNINGS)


@contextmanager
def _plain_name(path: Path, index: Path | None) -> Iterator[str]:
    """A name by which cyvcf2 opens the file, finds regions in it and takes no part of it for a protocol."""
    path = path.absolute()
    if str(path).isascii() and (index is None or path.name.endswith(_REGION_SUFFIXES)):
        yield str(path)
        return
    with tempfile.TemporaryDirectory() as folder:
        link = Path(folder) / "variants.bcf"
        link.symlink_to(path)
        if index is not None:
            link.with_name("variants.bcf.csi").symlink_to(index.absolute())
        yield str(link)


def _set_index(vcf: VCF, plain: str, index: Path) -> None:
    try:
        vcf.set_index(f"{plain}.csi")
    except OSError:
        raise InputError(f"index {index} cannot be read; make it again (`bcftools index -f`)") from None


@contextmanager
def spooled(stream: InputStream) -> Iterator[Path]:
    """Copies a stream to a temporary file, which htslib can read without blocking the process.

    Args:
        stream: The stream, at its beginning; checked to its end, checksums and end-of-file block included.

    Yields:
        The file. It may be removed as soon as it is open.

    Raises:
        InputError: The stream is damaged or cut short, or there is no room for the file.
    """
    with _room_wanted(stream.name):
        descriptor, path = tempfile.mkstemp(suffix=".bcf")
    try:
        # Compressed as quickly as can be: genotypes shrink to a few percent.
        with (
            _room_wanted(stream.name),
            os.fdopen(descriptor, "wb") as file,
            gzip.GzipFile("", "wb", 1, file) as packed,
        ):
            for chunk in stream.chunks():
                packed.write(chunk)
        stream.check_complete()
        yield Path(path)
    finally:
        Path(path).unlink(missing_ok=True)


@contextmanager
def _room_wanted(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"{name} cannot be copied to a temporary file ({error.strerror or error}); "
            "have TMPDIR name a folder with room for it, or give a file"
        ) from None
