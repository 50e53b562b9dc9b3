"""Small files made on the spot."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pysam

LETTERS = np.frombuffer(b"ACGT", dtype=np.uint8)


def random_sequence(rng: np.random.Generator, length: int) -> str:
    """Returns `length` random letters out of A, C, G, T."""
    return rng.choice(LETTERS, length).tobytes().decode()


def fasta_text(contigs: Mapping[str, str], width: int = 60, line_end: str = "\n") -> str:
    """Returns contigs as FASTA."""
    lines = []
    for name, sequence in contigs.items():
        lines.append(f">{name}")
        lines += [sequence[i : i + width] for i in range(0, len(sequence), width)]
    return "".join(line + line_end for line in lines)


def make_fasta(path: Path, contigs: Mapping[str, str], width: int = 60) -> Path:
    """Writes a FASTA, BGZF if the name ends in .gz; no index."""
    return write_text(path, fasta_text(contigs, width))


def vcf_text(
    records: Sequence[str | tuple[object, ...]], contigs: Mapping[str, int] | Sequence[str] = ("chr1",)
) -> str:
    """Returns a VCF without samples.

    Args:
        records: Whole rows, or (CHROM, POS, ID, REF, ALT) tuples.
        contigs: Contigs to declare, with lengths if it is a mapping.
    """
    lengths = contigs if isinstance(contigs, Mapping) else dict.fromkeys(contigs)
    lines = ["##fileformat=VCFv4.2"]
    for name, length in lengths.items():
        lines.append(f"##contig=<ID={name}>" if length is None else f"##contig=<ID={name},length={length}>")
    lines.append("#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO")
    for record in records:
        lines.append(record if isinstance(record, str) else "\t".join([*map(str, record), ".", ".", "."]))
    return "".join(f"{line}\n" for line in lines)


def make_vcf(
    path: Path,
    records: Sequence[str | tuple[object, ...]],
    contigs: Mapping[str, int] | Sequence[str] = ("chr1",),
) -> Path:
    """Writes a VCF, BGZF if the name ends in .gz; no index."""
    return write_text(path, vcf_text(records, contigs))


def make_bcf(path: Path, vcf: Path) -> Path:
    """Writes a VCF's records as BCF; every contig has to be declared."""
    with (
        pysam.VariantFile(str(vcf)) as source,
        pysam.VariantFile(str(path), "wb", header=source.header) as target,
    ):
        for record in source:
            target.write(record)
    return path


def index_variants(path: Path, csi: bool = False) -> Path:
    """Indexes a BGZF VCF (.tbi, or .csi) or a BCF (.csi); returns the index."""
    is_bcf = path.suffix == ".bcf"
    pysam.tabix_index(str(path), preset="bcf" if is_bcf else "vcf", csi=csi or is_bcf, force=True)
    return path.with_name(path.name + (".csi" if csi or is_bcf else ".tbi"))


def write_text(path: Path, text: str) -> Path:
    """Writes text, BGZF if the name ends in .gz."""
    if path.suffix == ".gz":
        return bgzip(path, text.encode())
    path.write_bytes(text.encode())
    return path


def bgzip(path: Path, content: bytes) -> Path:
    """Writes bytes as BGZF."""
    with pysam.BGZFile(str(path), "w") as handle:
        handle.write(content)
    return path
