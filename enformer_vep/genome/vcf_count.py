"""How many records a VCF or BCF has."""

from collections.abc import Collection, Sequence
from pathlib import Path

from enformer_vep.errors import InputError
from enformer_vep.files.reading import open_input
from enformer_vep.genome.bcf import MAGIC
from enformer_vep.genome.regions import Region
from enformer_vep.genome.vcf import read_variants, reads_once
from enformer_vep.genome.vcf_index import count_indexed, find_index

_QUICKLY_COUNTED_BYTES = 64 << 20


def count_records(path: str, regions: Sequence[Region] = ()) -> int | None:
    """Counts the records of `read_variants` for a progress bar, if that is cheap.

    Returns:
        Records (not ALT alleles) from the index, or by reading when the file is below 64 MiB; None when it is
        not known: standard input, regions, a large file without index, or a file that cannot be read.
    """
    file = Path(path)
    if regions or reads_once(path):
        return None
    index = find_index(file)
    if index is not None:
        return count_indexed(index)
    return _count_lines(file) if file.stat().st_size <= _QUICKLY_COUNTED_BYTES else None


def count_every_record(path: str, regions: Sequence[Region] = (), known_contigs: Collection[str] = ()) -> int:
    """Counts the records (not ALT alleles) that `read_variants` would give of a file, and raises what it raises.

    At any cost: from the index, else by counting lines, else by reading.
    """
    quick = count_records(path, regions)
    if quick is None and not regions:
        quick = _count_lines(Path(path))
    if quick is None:
        records = (variant.record + 1 for variant in read_variants(path, regions, known_contigs))
        quick = max(records, default=0)
    return quick


def _count_lines(file: Path) -> int | None:
    try:
        with open_input(file, "VCF") as stream:
            if stream.peek(len(MAGIC)) == MAGIC:
                return None
            return sum(1 for line in stream.content if not (line.startswith(b"#") or line.isspace()))
    except InputError:
        return None
