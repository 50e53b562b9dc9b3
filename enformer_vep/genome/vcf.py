"""Variants from a VCF or BCF.

Which reader for what, by behaviour (measured on cyvcf2 0.35, pysam 0.24): text is parsed by `vcf_text`, which
counts columns and names lines; the lines of a region come through pysam's tabix, which tells damage from a
region's end; BCF is read by cyvcf2, with many samples twice as fast as by pysam, behind the guards of `bcf`.
"""

import itertools
import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pysam

from enformer_vep.errors import InputError
from enformer_vep.files.reading import STANDARD_INPUT, InputStream, open_input
from enformer_vep.genome.bcf import MAGIC, open_bcf, spooled
from enformer_vep.genome.contigs import all_names
from enformer_vep.genome.regions import Region, RegionFilter, merge_regions
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf_index import ContigStart, find_contig_start, find_index
from enformer_vep.genome.vcf_text import Header, Record, parse_record, read_header, read_records, skip_records

logger = logging.getLogger(__name__)


def reads_once(path: str) -> bool:
    """Whether an input is no regular file, and so can be read once only."""
    return path == STANDARD_INPUT or not Path(path).is_file()


def read_variants(
    path: str,
    regions: Sequence[Region] = (),
    known_contigs: Collection[str] = (),
    first_record: int = 0,
    end_record: int | None = None,
) -> Iterator[Variant]:
    """Reads variants, one for every ALT allele, in the order of the input.

    The header and the first record are read before this returns, so a bad input is known at once. Memory does
    not grow with the input.

    Args:
        path: VCF or BCF, plain, gzip or BGZF, a file or a pipe; "-" is standard input. Compression and format
            are recognised by content. BCF from a pipe is copied to a temporary file first.
        regions: Only records whose REF overlaps one of these; all when empty. A current index beside the file
            is used. With one, records come contig by contig in the order of the index. Contig names are
            matched both ways (`1` and `chr1`).
        known_contigs: Contigs that exist besides those of the header and the index, such as the genome's; a
            region on any other is an error.
        first_record: Begin with this record, counted from 0 after regions were applied. Without regions, the
            records before it are not parsed, and of a text VCF with a current index their contigs are not
            even read.
        end_record: Stop before this record.

    Returns:
        Variants. `record` counts the records, from 0; `alternate` is "." where there is none.

    Raises:
        InputError: The input is missing, empty, truncated, damaged or malformed, or a region lies on a contig
            that nobody knows. Also while iterating: a row is never left out silently.
    """
    if regions:
        records = itertools.islice(_read(path, regions, known_contigs), first_record, end_record)
    else:
        wanted = None if end_record is None else max(end_record - first_record, 0)
        records = itertools.islice(_read(path, (), (), first_record), wanted)
    variants = (variant for variant, _ in _explode(records, first_record))
    return itertools.chain(tuple(itertools.islice(variants, 1)), variants)


def read_numbers(
    path: str, info: str, regions: Sequence[Region] = (), known_contigs: Collection[str] = ()
) -> Iterator[tuple[Variant, float | None]]:
    """Reads variants as `read_variants` does, each with its own number from an INFO field, such as AF.

    Args:
        path: As for `read_variants`.
        info: Field with a number for every ALT allele.
        regions: As for `read_variants`.
        known_contigs: As for `read_variants`.

    Yields:
        A variant, and its number; None where the record has none, or "." for this allele.

    Raises:
        InputError: As for `read_variants`; the header has no such field; or a record has not one number per ALT.
    """
    yield from _explode(_read(path, regions, known_contigs, info=info), 0)


def _explode(records: Iterator[Record], first: int) -> Iterator[tuple[Variant, float | None]]:
    for ordinal, record in enumerate(records, start=first):
        numbers = record.numbers or itertools.repeat(None)
        alleles = enumerate(zip(record.alternates, numbers, strict=False), start=1)
        for allele, (alternate, number) in alleles:
            contig, position, identifier, reference, *_ = record
            yield Variant(contig, position, identifier, reference, alternate, ordinal, allele), number


def _require_info(known: bool, info: str | None, name: str) -> None:
    if info is not None and not known:
        raise InputError(
            f"{name} declares no INFO field {info}; compute it from genotypes with "
            f"`bcftools +fill-tags IN -Oz -o OUT -- -t {info}`, or name the field that has it"
        )


def _read(
    path: str, regions: Sequence[Region], known: Collection[str], first: int = 0, info: str | None = None
) -> Iterator[Record]:
    with open_input(path, "VCF") as stream:
        # Only BGZF has an index. htslib does not look at the checksum of plain gzip: such BCF is spooled like a pipe.
        if stream.peek(len(MAGIC)) == MAGIC:
            direct = stream.file if stream.is_bgzf or not stream.is_gzip else None
            yield from _read_bcf(stream, direct, regions, known, first, info)
        else:
            indexable = stream.file if stream.is_bgzf else None
            yield from _read_text(stream, indexable, regions, known, first, info)


def _read_bcf(
    stream: InputStream,
    file: Path | None,
    regions: Sequence[Region],
    known: Collection[str],
    first: int,
    info: str | None = None,
) -> Iterator[Record]:
    """Reads a BCF: the file if there is one that htslib can read, else the stream."""
    index = find_index(file, (".csi",)) if file is not None and regions else None
    with (
        spooled(stream) if file is None else nullcontext(file) as readable,
        open_bcf(readable, stream.name, index, info) as bcf,
    ):
        _require_info(info is None or bcf.has_info(info), info, stream.name)
        if file is None:
            readable.unlink()  # open, so it is not needed; nothing is left behind however the process ends
        if index is None:
            yield from _select(bcf.records(first), regions, bcf.contigs, known, stream.name)
            return
        _require_contigs(regions, {*bcf.contigs, *known}, stream.name)
        for region, earlier in _visits(regions, bcf.contigs):
            yield from _new_in(region, earlier, bcf.records_from(region))


def _read_text(
    stream: InputStream,
    file: Path | None,
    regions: Sequence[Region],
    known: Collection[str],
    first: int,
    info: str | None = None,
) -> Iterator[Record]:
    """Reads a text VCF: the stream, or parts of the file if it is one that may have an index."""
    header = read_header(stream.content, stream.name)
    _require_info(info is None or (info in header.info and header.columns > 7), info, stream.name)
    index = find_index(file) if file is not None and (regions or first) else None
    if file is not None and index is not None:
        if regions:
            yield from _read_indexed(file, index, header, regions, known, stream.name, info)
            return
        start = find_contig_start(index, first)
        if start is not None:
            yield from _read_from(file, start, header, first - start.first_record, stream.name)
            return
    passed = skip_records(stream.content, first)
    records = read_records(stream.content, header, stream.name, passed, info)
    yield from _select(records, regions, header.contigs, known, stream.name)


def _read_from(path: Path, start: ContigStart, header: Header, skipped: int, name: str) -> Iterator[Record]:
    """Reads from a contig's beginning, without the records that are skipped, to the end of the file."""
    with path.open("rb") as raw:
        raw.seek(start.virtual_offset >> 16)
        stream = InputStream(raw, name)
        stream.content.read(start.virtual_offset & 0xFFFF)
        passed = start.first_record + skip_records(stream.content, skipped)
        yield from read_records(stream.content, header, name, passed)


def _read_indexed(
    path: Path,
    index: Path,
    header: Header,
    regions: Sequence[Region],
    known: Collection[str],
    name: str,
    info: str | None = None,
) -> Iterator[Record]:
    # Latin-1 gives every byte back, and most of a line is not looked at.
    with _quiet_htslib(), pysam.TabixFile(str(path), index=str(index), encoding="latin-1") as tabix:
        _require_contigs(regions, {*tabix.contigs, *header.contigs, *known}, name)
        for region, earlier in _visits(regions, tabix.contigs):
            place = f"{name}, in {region.contig}:{region.start + 1}-{region.end}"
            lines = tabix.fetch(region.contig, region.start, region.end)
            records = (parse_record(line.encode("latin-1"), header.columns, place, info) for line in lines)
            yield from _new_in(region, earlier, records)


@contextmanager
def _quiet_htslib() -> Iterator[None]:
    verbosity = pysam.set_verbosity(0)
    try:
        yield
    finally:
        pysam.set_verbosity(verbosity)


def _select(
    records: Iterator[Record],
    regions: Sequence[Region],
    declared: Collection[str],
    known: Collection[str],
    name: str,
) -> Iterator[Record]:
    """Keeps the records that overlap a region."""
    if not regions:
        yield from records
        return
    logger.info("%s is read from end to end for its regions: an index (`tabix`) would be faster", name)
    wanted = RegionFilter(regions)
    seen = {*declared, *known}
    for record in records:
        seen.add(record.contig)
        if wanted.overlaps(record.contig, record.position - 1, record.end):
            yield record
    _require_contigs(regions, seen, name)


def _visits(regions: Sequence[Region], contigs: Sequence[str]) -> Iterator[tuple[Region, Region | None]]:
    """Merged regions under the file's contig names and in its order, each with the one before it."""
    order = {contig: rank for rank, contig in enumerate(contigs)}
    names = ((name, region) for region in regions for name in all_names(region.contig))
    renamed = (Region(name, region.start, region.end) for name, region in names if name in order)
    merged = sorted(merge_regions(renamed), key=lambda region: (order[region.contig], region.start))
    for earlier, region in zip([None, *merged], merged, strict=False):
        yield region, earlier if earlier is not None and earlier.contig == region.contig else None


def _new_in(region: Region, earlier: Region | None, records: Iterator[Record]) -> Iterator[Record]:
    """Records that overlap a region by their REF and did not already come with the region before it."""
    already_read = earlier.end if earlier is not None else -1
    for record in records:
        if already_read < record.position <= region.end and record.end > region.start:
            yield record


def _require_contigs(regions: Sequence[Region], known: Collection[str], name: str) -> None:
    for region in regions:
        if not any(contig in known for contig in all_names(region.contig)):
            raise InputError(
                f"{name} has no contig {region.contig!r}, which a region names; "
                "check the region (`tabix -l` lists the contigs of an indexed file)"
            )
