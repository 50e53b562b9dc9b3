"""What makes two runs the same run: the same input, model, options and version, wherever the files lie."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from enformer_vep import __version__
from enformer_vep.errors import InputError
from enformer_vep.genome import bgzf
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.regions import Region
from enformer_vep.output.tsv import BGZF_SUFFIXES
from enformer_vep.settings import ScoreRequest

# Text and small files are hashed in full, about a second per GB. Of large BGZF and BCF files, where any edit
# changes the length of the compressed blocks after it, evenly spread samples are enough.
LARGEST_FULLY_HASHED = 1 << 30
SAMPLES = 256
SAMPLE_BYTES = 1 << 20


def run_identity(
    request: ScoreRequest,
    regions: Sequence[Region],
    genome: Genome,
    model_sha256: str,
    columns: Sequence[str],
    window: int,
) -> dict[str, object]:
    """Everything that fixes the bytes of a run's output, as flat JSON values.

    No path and no time is in it, so files may be copied and moved. Device and automatic batch size are not
    either: they change rounding only.

    Args:
        request: The run.
        regions: Its regions.
        genome: Its reference.
        model_sha256: Hash of its weights.
        columns: Names of its value columns.
        window: Window length in bp.

    Returns:
        Names in the words of the command line, to say what differs.
    """
    settings, compute = request.settings, request.compute
    return {
        "version": __version__,
        "input": fingerprint(Path(request.variants)),
        "regions": _digest(f"{r.contig}:{r.start}-{r.end}" for r in regions) if regions else "all",
        "genome": genome_fingerprint(genome),
        "model": model_sha256,
        "scores": ",".join(settings.scores),
        "bins": settings.centre_bins or "all",
        "organism": settings.organism,
        "columns": _digest(columns),
        "rc": settings.reverse_complement,
        "shifts": ",".join(map(str, settings.shifts)),
        "precision": settings.precision.value,
        "engine": settings.engine.value,
        "share-windows": settings.share_windows,
        "strict": settings.strict,
        "window": window,
        "batch-size": compute.batch_size or "auto",
        "piece-size": compute.piece_size,
        "shard": request.shard or "none",
        "format": "bgzf" if request.output.destination.endswith(BGZF_SUFFIXES) else "text",
        "tabix": request.output.tabix,
    }


def fingerprint(path: Path) -> str:
    """Tells one input file from another by its content.

    Args:
        path: The file.

    Returns:
        Its size and a sha256: of all of it, or of samples where it is compressed and large.

    Raises:
        InputError: It cannot be read.
    """
    size = path.stat().st_size
    try:
        with path.open("rb") as handle:
            if size > LARGEST_FULLY_HASHED and bgzf.is_bgzf(handle.read(bgzf.HEAD_LENGTH)):
                running = hashlib.sha256()
                for sample in range(SAMPLES):
                    handle.seek((size - SAMPLE_BYTES) * sample // (SAMPLES - 1))
                    running.update(handle.read(SAMPLE_BYTES))
                return f"{size} bytes, samples {running.hexdigest()}"
            handle.seek(0)
            return f"{size} bytes, sha256 {hashlib.file_digest(handle, 'sha256').hexdigest()}"
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); check its disk") from None


def genome_fingerprint(genome: Genome) -> str:
    """Names and lengths of a genome's contigs, as a hash: a masked copy counts as the same genome."""
    return _digest(f"{name}\t{length}" for name, length in genome.contigs.items())


def _digest(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
