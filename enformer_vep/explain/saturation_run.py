"""One run of `enformer-vep saturate`, from regions or variants to a table and what is made of it."""

import logging

from enformer_vep.errors import UsageError
from enformer_vep.explain.saturation_files import check_outputs, write_outputs
from enformer_vep.genome.fasta import Genome
from enformer_vep.jobs.run import Progress
from enformer_vep.jobs.score import score_file
from enformer_vep.scoring.inputs import open_reference
from enformer_vep.settings import SaturationOutputs, ScoreRequest

logger = logging.getLogger(__name__)


def saturate_file(request: ScoreRequest, outputs: SaturationOutputs, progress: Progress) -> None:
    """Score all changes, and make what is wanted of the finished table.

    Args:
        request: The run; its settings have a saturation.
        outputs: What is made of the table.
        progress: Shows how far it is.

    Raises:
        EnformerVepError: As `enformer_vep.jobs.score.score_file`, or what is wanted cannot be made.
    """
    table = request.output.destination
    if request.shard and outputs.are_any:
        raise UsageError(
            "--npz, --bigwig, --figure and --motif-table are made of all shards together: merge them, "
            "then give the table with --table"
        )
    reference = open_reference(request)
    inputs = (request.variants, request.genome, request.model, request.regions_file, request.targets)
    check_outputs(outputs, table, reference.stretches, inputs)
    if reference.stretches is not None:
        parts = sum(part.allele is None for part in reference.stretches.parts)
        logger.info("%d records of %d stretches", reference.stretches.ends[-1], parts)
    score_file(request, progress)
    if not request.dry_run:
        write_outputs(table, reference.genome, outputs)


def draw_table(table: str, genome: Genome, outputs: SaturationOutputs) -> None:
    """Make what is wanted of a table that is there; raises as `saturate_file`."""
    if not outputs.are_any:
        raise UsageError("--table has been scored: say what to make of it: --npz, --bigwig, --figure, --motif-table")
    check_outputs(outputs, table, None, (genome.path,))
    write_outputs(table, genome, outputs)
