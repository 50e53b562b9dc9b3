"""Small files made on the spot."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pysam

if TYPE_CHECKING:
    from enformer_vep.models.enformer.config import EnformerConfig
    from enformer_vep.models.enformer.network import Enformer

HUMAN_TRACKS = ("CAGE:liver", "CAGE:brain", "DNASE:liver", "DNASE:brain", "CHIP:CTCF:liver")
MOUSE_TRACKS = ("CAGE:heart", "DNASE:heart", "ATAC:heart")
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
    lines += (r if isinstance(r, str) else "\t".join([*map(str, r), ".", ".", "."]) for r in records)
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
    with pysam.VariantFile(str(vcf)) as source:
        source.header.info.add("END", 1, "Integer", "pysam sets it for symbolic alleles")
        with pysam.VariantFile(str(path), "wb", header=source.header) as target:
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


def make_model(path: Path, seed: int = 7, window: int = 2048, human: Mapping[str, str] | None = None) -> Path:
    """Writes a small random model with its track tables; nothing in it is at its initial value.

    Args:
        path: File to write.
        seed: Of the weights.
        window: Base pairs to read; the 8 bins in the middle are predicted.
        human: Description of each human track by its identifier; five made-up tracks unless given.
    """
    human = human or {f"TRACK{index}": text for index, text in enumerate(HUMAN_TRACKS)}
    from enformer_vep.models.checkpoints import save_model
    from enformer_vep.models.enformer.config import EnformerConfig
    from enformer_vep.models.enformer.network import Enformer

    config = EnformerConfig(
        channels=24,
        transformer_layers=2,
        attention_heads=2,
        key_size=8,
        channel_multiple=4,
        target_length=8,
        window=window,
        output_tracks={"human": len(human), "mouse": len(MOUSE_TRACKS)},
    )
    network = Enformer(config).eval()
    randomise(network, seed)
    tables = {
        "targets_human": targets_text(tuple(human.values()), identifiers=tuple(human)),
        "targets_mouse": targets_text(MOUSE_TRACKS, prefix="MOUSE"),
    }
    save_model(network, path, tables)
    return path


def randomise(network: "Enformer", seed: int) -> None:
    """Fills every weight and statistic with noise; nothing stays at its initial value."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                noise = torch.randn(tensor.shape, generator=generator) * 0.2
                tensor.copy_(noise.abs() + 0.5 if "running_var" in name or "norm.weight" in name else noise)


def targets_text(descriptions: Sequence[str], prefix: str = "TRACK", identifiers: Sequence[str] | None = None) -> str:
    """Returns a track table with identifiers TRACK0, TRACK1, ..., unless others are given."""
    names = identifiers or [f"{prefix}{i}" for i in range(len(descriptions))]
    rows = [f"{i}\t{name}\t{text}" for i, (name, text) in enumerate(zip(names, descriptions, strict=True))]
    return "\n".join(["index\tidentifier\tdescription", *rows]) + "\n"


def config_json(config: "EnformerConfig") -> str:
    """Returns the config.json that enformer-pytorch writes of a model of this shape."""
    return json.dumps(
        {
            "model_type": "enformer",
            "dim": config.channels,
            "depth": config.transformer_layers,
            "heads": config.attention_heads,
            "attn_dim_key": config.key_size,
            "num_downsamples": config.pooling_stages,
            "dim_divisible_by": config.channel_multiple,
            "target_length": config.target_length,
            "output_heads": dict(config.output_tracks),
            "dropout_rate": config.dropout,
            "attn_dropout": config.attention_dropout,
            "pos_dropout": config.position_dropout,
        }
    )
