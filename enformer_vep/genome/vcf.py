"""Variants from a VCF or BCF. The only reader that uses htslib (through pysam).

pysam and not cyvcf2, by behaviour (measured on pysam 0.24, cyvcf2 0.35): a damaged block within a region is
an exception in pysam, while cyvcf2 ends the region as if it were complete (28,931 of 60,000 rows).
"""

import itertools
import logging
import sys
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

import pysam

from enformer_vep.errors import InputError
from enformer_vep.files import compression as bgzf
from enformer_vep.files.reading import ByteStream, as_pipe
from enformer_vep.genome.contigs import all_names
from enformer_vep.genome.regions import Region, RegionFilter, merge_regions
from enformer_vep.genome.variants import Variant
from enformer_vep.genome.vcf_index import ContigStart, find_contig_start, find_index
from enformer_vep.genome.vcf_text import Record, parse_record, read_header, read_records, skip_records

logger = logging.getLogger(__name__)

STANDARD_INPUT = "-"
BCF_MAGIC = b"BCF\2"
READ_ERRORS = (OSError, EOFError, ValueError, zlib.error)


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
        path: VCF (plain, gzip or BGZF) or BCF; "-" is standard input. Compression and format are
            recognised by content.
        regions: Only records whose REF overlaps one of these; all when empty. A current index beside the file
            is used. With one, records come contig by contig in the order of the index. Contig names are
            matched both ways (`1` and `chr1`).
        known_contigs: Contigs that exist besides those of the header and the index, such as the genome's; a
            region on any other is an error.
        first_record: Begin with this record, counted from 0 after regions were applied. Without regions, the
            records before it are not parsed, and with a current index their contigs are not even read.
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
    variants = _explode(records, first_record)
    first = tuple(itertools.islice(variants, 1))
    return itertools.chain(first, variants)


def _explode(records: Iterator[Record], first: int) -> Iterator[Variant]:
    numbered = enumerate(records, start=first)
    for ordinal, (contig, position, identifier, reference, alternates) in numbered:
        for allele, alternate in enumerate(alternates, start=1):
            yield Variant(contig, position, identifier, reference, alternate, ordinal, allele)


def _read(
    path: str, regions: Sequence[Region], known_contigs: Collection[str], first: int = 0
) -> Iterator[Record]:
    name = "VCF from standard input" if path == STANDARD_INPUT else f"VCF file {path}"
    index = None
    if path != STANDARD_INPUT:
        head = bgzf.read_head(Path(path), "VCF")
        if bgzf.is_bgzf(head):
            bgzf.require_complete(Path(path), "VCF")
            index = find_index(Path(path)) if regions or first else None
    if index is not None and regions:
        yield from _read_indexed(Path(path), index, regions, known_contigs, name)
        return
    start = find_contig_start(index, first) if index is not None else None
    if start is not None:
        yield from _read_from(Path(path), start, first - start.first_record, name)
        return
    with _open(path) as raw:
        stream = ByteStream(raw, name)
        records = _read_stream(stream, regions, known_contigs, first)
        with _read_errors(name):
            yield from records
            stream.check_complete()


def _read_from(path: Path, start: ContigStart, skipped: int, name: str) -> Iterator[Record]:
    """Reads from a contig's beginning, without the records that are skipped, to the end of the file."""
    with _read_errors(name), path.open("rb") as raw:
        stream = ByteStream(raw, name)
        if stream.peek(len(BCF_MAGIC)) == BCF_MAGIC:
            with _variant_file(str(path)) as bcf:
                bcf.seek(start.virtual_offset)
                yield from map(_from_pysam, itertools.islice(bcf, skipped, None))
            return
        header = read_header(stream.content, name)
        raw.seek(start.virtual_offset >> 16)
        stream = ByteStream(raw, name)
        stream.content.read(start.virtual_offset & 0xFFFF)
        passed = start.first_record + skip_records(stream.content, skipped)
        yield from read_records(stream.content, header, name, passed)


@contextmanager
def _open(path: str) -> Iterator[BinaryIO]:
    if path == STANDARD_INPUT:
        # Python has None in its place when the process was started without it, as by `<&-`.
        if sys.stdin is None:
            raise InputError("standard input is closed; pipe a VCF in or name a file")
        yield sys.stdin.buffer
    else:
        with Path(path).open("rb") as handle:
            yield cast(BinaryIO, handle)


@contextmanager
def _read_errors(name: str) -> Iterator[None]:
    """Turns what the libraries raise about damaged data into one line of ours, and keeps htslib quiet."""
    verbosity = pysam.set_verbosity(0)
    try:
        yield
    except READ_ERRORS as error:
        reason = " ".join(str(error).split()).rstrip(".") or type(error).__name__
        raise InputError(f"{name} is damaged or truncated ({reason}); copy or make it again") from None
    finally:
        pysam.set_verbosity(verbosity)


def _read_stream(
    stream: ByteStream, regions: Sequence[Region], known_contigs: Collection[str], first: int
) -> Iterator[Record]:
    if stream.peek(len(BCF_MAGIC)) == BCF_MAGIC:
        with as_pipe(stream) as pipe, _variant_file(pipe) as bcf:
            declared = {str(contig) for contig in bcf.header.contigs}
            records: Iterator[Record] = map(_from_pysam, itertools.islice(bcf, first, None))
            yield from _select(records, regions, declared, known_contigs, stream.name)
    else:
        header = read_header(stream.content, stream.name)
        passed = skip_records(stream.content, first)
        records = read_records(stream.content, header, stream.name, passed)
        yield from _select(records, regions, set(header.contigs), known_contigs, stream.name)


def _select(
    records: Iterator[Record],
    regions: Sequence[Region],
    declared: set[str],
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
        if wanted.overlaps(record.contig, record.position - 1, record.position - 1 + len(record.reference)):
            yield record
    _require_contigs(regions, seen, name)


def _read_indexed(
    path: Path, index: Path, regions: Sequence[Region], known: Collection[str], name: str
) -> Iterator[Record]:
    with _read_errors(name), path.open("rb") as raw:
        is_bcf = ByteStream(raw, name).peek(len(BCF_MAGIC)) == BCF_MAGIC
    reader = _read_indexed_bcf if is_bcf else _read_indexed_text
    with _read_errors(name):
        yield from reader(path, index, regions, known, name)


def _read_indexed_text(
    path: Path, index: Path, regions: Sequence[Region], known: Collection[str], name: str
) -> Iterator[Record]:
    with path.open("rb") as raw:
        header = read_header(ByteStream(raw, name).content, name)
    with pysam.TabixFile(str(path), index=str(index), encoding="utf-8") as tabix:
        _require_contigs(regions, {*tabix.contigs, *header.contigs, *known}, name)
        for region, earlier in _visits(regions, tabix.contigs):
            place = f"{name}, in {region.contig}:{region.start + 1}-{region.end}"
            lines = tabix.fetch(region.contig, region.start, region.end)
            records = (parse_record(line.encode(), header.columns, place) for line in lines)
            yield from _new_in(region, earlier, records)


def _read_indexed_bcf(
    path: Path, index: Path, regions: Sequence[Region], known: Collection[str], name: str
) -> Iterator[Record]:
    with _variant_file(str(path), index_filename=str(index)) as bcf:
        contigs = [str(contig) for contig in bcf.header.contigs]
        _require_contigs(regions, {*contigs, *known}, name)
        for region, earlier in _visits(regions, contigs):
            records = map(_from_pysam, bcf.fetch(region.contig, region.start, region.end))
            yield from _new_in(region, earlier, records)


def _visits(regions: Sequence[Region], contigs: Sequence[str]) -> Iterator[tuple[Region, Region | None]]:
    """Merged regions under the file's contig names and in its order, each with the one before it."""
    own_names = set(contigs)
    renamed = (
        Region(contig, region.start, region.end)
        for region in regions
        for contig in all_names(region.contig)
        if contig in own_names
    )
    order = {contig: rank for rank, contig in enumerate(contigs)}
    merged = sorted(merge_regions(renamed), key=lambda region: (order[region.contig], region.start))
    for earlier, region in zip([None, *merged], merged, strict=False):
        yield region, earlier if earlier is not None and earlier.contig == region.contig else None


def _new_in(region: Region, earlier: Region | None, records: Iterator[Record]) -> Iterator[Record]:
    """Records that overlap a region by their REF and did not already come with the region before it."""
    already_read = earlier.end if earlier is not None else None
    for record in records:
        start = record.position - 1
        overlaps = start < region.end and start + len(record.reference) > region.start
        if overlaps and (already_read is None or start >= already_read):
            yield record


def _require_contigs(regions: Sequence[Region], known: Collection[str], name: str) -> None:
    for region in regions:
        if not any(contig in known for contig in all_names(region.contig)):
            raise InputError(
                f"{name} has no contig {region.contig!r}, which a region names; "
                "check the region (`tabix -l` lists the contigs of an indexed file)"
            )


@contextmanager
def _variant_file(source: str | BinaryIO, index_filename: str | None = None) -> Iterator[pysam.VariantFile]:
    file = pysam.VariantFile(source, index_filename=index_filename, drop_samples=True)
    try:
        yield file
    except BaseException:
        # After an error closing fails as well; done here, it does not come up again as the object dies.
        _close_quietly(file)
        raise
    file.close()


def _close_quietly(file: pysam.VariantFile) -> None:
    try:
        file.close()
    except OSError as error:
        logger.debug("closing after an error: %s", error)


def _from_pysam(record: pysam.VariantRecord) -> Record:
    alternates = tuple(record.alts or (".",))
    return Record(record.chrom, record.pos, record.id or ".", record.ref or "", alternates)
