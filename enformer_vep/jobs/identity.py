"""What makes two runs the same run: the same input, model, options and version, wherever the files lie."""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from enformer_vep import __version__
from enformer_vep.errors import InputError
from enformer_vep.files import bgzf
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.regions import Region
from enformer_vep.scoring.calibrated import calibration_path
from enformer_vep.scoring.checking import Reference
from enformer_vep.scoring.scorer import Scorer
from enformer_vep.settings import ScoreRequest
from enformer_vep.tables.formats import choose_format

# Text and small files are hashed in full, about a second per GB. Of large BGZF and BCF files, where any edit
# changes the length of the compressed blocks after it, evenly spread samples are enough.
LARGEST_FULLY_HASHED = 1 << 30
SAMPLES = 256
SAMPLE_BYTES = 1 << 20


def run_identity(
    request: ScoreRequest, regions: Sequence[Region], reference: Reference, scorer: Scorer
) -> dict[str, object]:
    """Everything that fixes the bytes of a run's output, as flat JSON values.

    Names are in the words of the command line, to say what differs. No path and no time is in it, so files may
    be copied and moved. Device and automatic batch size are not either: they change rounding only.
    """
    compute, layout = request.compute, scorer.layout
    return {
        "version": __version__,
        "input": fingerprint(Path(request.variants)) if request.variants else "none",
        "regions": digest(f"{r.contig}:{r.start}-{r.end}" for r in regions) if regions else "all",
        "genome": genome_digest(reference.genome),
        "genes": reference.genes.fingerprint if reference.genes else "none",
        "model": scorer.sha256,
        "window": scorer.geometry.window,
        # Models of the same weights may be cropped differently, and scores are sums over bins.
        "predicted": f"{scorer.geometry.bins} bins from {scorer.geometry.first}",
        **scorer.settings.describe(),
        "columns": digest((*layout.columns, *map(":".join, layout.notes))),
        "calibration": fingerprint(calibration_path(request.calibration)) if request.calibration else "none",
        "batch-size": compute.batch_size or "auto",
        "piece-size": compute.piece_size,
        "shard": request.shard or "none",
        "format": str(choose_format(request.output.destination, request.output.format)),
        "tabix": request.output.tabix,
    }


def fingerprint(path: Path) -> str:
    """Tells one input file from another by its size and a sha256, of samples where it is compressed and large.

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


def genome_digest(genome: Genome) -> str:
    """Tells one genome from another by the names and lengths of its contigs: a masked copy counts as the same."""
    return digest(f"{name}\t{length}" for name, length in genome.contigs.items())


def digest(lines: Iterable[str]) -> str:
    """sha256 of lines of text."""
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
