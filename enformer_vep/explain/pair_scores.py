"""All scores of the pairs of one gene, computed in its one window."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from enformer_vep.effects.network import Network, placed_on
from enformer_vep.errors import UsageError
from enformer_vep.explain.contributor import Contributor, make_contributor
from enformer_vep.explain.element_attention import element_attention
from enformer_vep.explain.element_gradients import element_gradients
from enformer_vep.explain.elements import Element, GenePairs, Reach
from enformer_vep.explain.gene_windows import GeneWindow, WindowView
from enformer_vep.explain.knockout import KnockOuts, knock_out, losses
from enformer_vep.explain.pair_baselines import InverseDistance, PairBaseline
from enformer_vep.explain.pair_table import PairRow, all_missing, value_columns
from enformer_vep.explain.target_tracks import MOST_TARGETS
from enformer_vep.genome.fasta import Genome
from enformer_vep.genome.variants import Status
from enformer_vep.models.checkpoints import LoadedModel
from enformer_vep.scoring.assembly import make_scorer
from enformer_vep.scoring.scorer import Floats, Scorer
from enformer_vep.scoring.track_tables import own_table
from enformer_vep.settings import ComputeSettings, Precision, Score
from enformer_vep.settings.contribution_settings import ContributionSettings, Recipe
from enformer_vep.settings.explain_enhancers import EnhancerSettings, KnockOut, Method
from enformer_vep.tables.row import ValueBlock
from enformer_vep.tracks.table import TrackTable

logger = logging.getLogger(__name__)

_OF_KNOCK_OUTS = {
    KnockOut.UNKNOWN: "lost when the element becomes N",
    KnockOut.SHUFFLED: "lost when the element is shuffled with its dinucleotide counts kept",
    KnockOut.DELETED: "lost when the element is deleted",
}


@dataclass(frozen=True, slots=True)
class PairScorer:
    """A model made ready to score pairs of elements and genes.

    Attributes:
        scorer: Predicts, averaged over strands and shifts.
        network: The network that it predicts with, or a copy.
        genome: The reference.
        settings: What was asked for, with nothing left to choose.
        contributors: For each recipe what computes its gradients.
        baselines: Scores that need no model.
        blocks: The value columns.
    """

    scorer: Scorer
    network: Network
    genome: Genome
    settings: EnhancerSettings
    contributors: Mapping[Recipe, Contributor]
    baselines: tuple[PairBaseline, ...]
    blocks: tuple[ValueBlock, ...]

    @property
    def window(self) -> int:
        """Window length in bp."""
        return self.scorer.geometry.window

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        return self.scorer.predictor.device

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the value columns."""
        return value_columns(self.blocks)

    @property
    def reach(self) -> Reach:
        """Which elements a gene's window holds."""
        return Reach(self.window, self.scorer.shifts, self.settings.within)

    def rows(self, group: GenePairs) -> list[PairRow]:
        """Score the pairs of a gene: a row for each, in order."""
        values = all_missing(len(group.pairs), len(self.columns))
        if group.gene is None:
            return [PairRow(pair, None, row) for pair, row in zip(group.pairs, values, strict=True)]
        window = GeneWindow.of(group.gene, self.scorer.geometry, self.settings.genes.tss_bins)
        self._fill_baselines(group, values)
        scored = [number for number, pair in enumerate(group.pairs) if pair.status is Status.OK]
        if scored:
            values[scored, : self._of_model] = self._model_scores(window, [group.pairs[one].element for one in scored])
        starts = window.starts_in_use
        return [PairRow(pair, starts, row) for pair, row in zip(group.pairs, values, strict=True)]

    @property
    def _of_model(self) -> int:
        """How many columns a model is needed for; those of baselines follow."""
        return len(self.columns) - sum(len(one.block.labels) for one in self.baselines)

    def _fill_baselines(self, group: GenePairs, values: Floats) -> None:
        assert group.gene is not None
        here = [number for number, pair in enumerate(group.pairs) if pair.distance is not None]
        elements, first = [group.pairs[number].element for number in here], self._of_model
        for baseline in self.baselines if here else ():
            last = first + len(baseline.block.labels)
            values[here, first:last] = baseline.score(group.gene, elements)
            first = last

    def _model_scores(self, window: GeneWindow, elements: Sequence[Element]) -> Floats:
        """float32 [elements, columns of the model]."""
        compute = {
            Method.GRADIENT: self._gradients,
            Method.ATTENTION: self._attention,
            Method.KNOCK_OUT: self._knock_outs,
        }
        wanted = [compute[method] for method in self.settings.methods if method in compute]
        if not wanted:
            return all_missing(len(elements), 0)
        views = window.views(self.genome, self.scorer.shifts, beside=max(map(len, elements)))
        parts = [scores_of(window, views, elements) for scores_of in wanted]
        scores: Floats = torch.cat([part.to("cpu", torch.float32) for part in parts], dim=1).numpy()
        return scores

    def _attention(self, window: GeneWindow, views: Sequence[WindowView], elements: Sequence[Element]) -> Tensor:
        both_strands = self.settings.score.reverse_complement
        return element_attention(self.network, window, views, elements, both_strands)[:, None]

    def _knock_outs(self, window: GeneWindow, views: Sequence[WindowView], elements: Sequence[Element]) -> Tensor:
        """[elements, kinds x outputs]."""
        settings = self.settings
        how = KnockOuts(settings.knock_outs, settings.shuffles, settings.seed)
        effect = knock_out(self.scorer, window, views, elements, how)
        lost = losses(effect, settings.score.scores[0], settings.score.pseudocount)
        return lost.view(len(elements), -1)

    def _gradients(self, window: GeneWindow, _: Sequence[WindowView], elements: Sequence[Element]) -> Tensor:
        """[elements, recipes x outputs], in the units of the score: to first order, of its loss."""
        score = self.settings.score
        (view,) = window.views(self.genome, (0,), max(map(abs, self.scorer.shifts)))
        found = element_gradients(self.contributors, window, view, elements)
        if score.scores[0] is Score.SADR:
            # The derivative of log2(sum + pseudocount).
            return (found.summed / ((found.values + score.pseudocount) * math.log(2))).flatten(1)
        return found.summed.flatten(1)


def make_pair_scorer(
    model: LoadedModel,
    genome: Genome,
    settings: EnhancerSettings,
    compute: ComputeSettings,
    targets: Path | None = None,
    baselines: Sequence[PairBaseline] = (),
) -> PairScorer:
    """Fix tracks, methods and columns.

    Args:
        model: The network and its configuration; it stays where it is.
        genome: The reference.
        settings: What to score.
        compute: Where.
        targets: Track table that takes precedence over the model's own.
        baselines: Further scores that need no model, behind the distance.

    Raises:
        UsageError: When a method, organism, track or device does not exist, or gradients of too many tracks are asked
            for.
        InputError: When the track table is not the model's.
    """
    settings = replace(settings, methods=_choose_methods(settings.methods, model))
    scorer = make_scorer(model, settings.score, compute, targets)
    settings = replace(settings, score=scorer.settings)
    labels, score = scorer.layout.blocks[0].labels, settings.score
    if Method.GRADIENT in settings.methods and len(labels) > MOST_TARGETS:
        raise UsageError(
            f"gradients of {len(labels)} tracks or groups take as many backward passes for each gene: choose at most "
            f"{MOST_TARGETS} with --tracks or --groups, or leave gradient out of --methods"
        )
    known = (*([InverseDistance()] if Method.DISTANCE in settings.methods else []), *baselines)
    device = scorer.predictor.device
    network = placed_on(model.network, device, torch.float64 if score.precision is Precision.FLOAT64 else None)
    table = TrackTable.read(targets) if targets else own_table(model, score.organism)
    contributors = _contributors(replace(model, network=network), settings, table, device)
    return PairScorer(scorer, network, genome, settings, contributors, known, _blocks(settings, labels, known))


def _choose_methods(wanted: tuple[Method, ...], model: LoadedModel) -> tuple[Method, ...]:
    lacks_attention = model.network.attention_shape is None
    if not wanted:
        if lacks_attention:
            logger.info("models of the family %s have no attention: that method is left out", model.family.name)
        return tuple(one for one in Method if one is not Method.ATTENTION or not lacks_attention)
    if lacks_attention and Method.ATTENTION in wanted:
        raise UsageError(
            f"models of the family {model.family.name} have no attention: leave attention out of --methods"
        )
    return wanted


def _contributors(
    model: LoadedModel, settings: EnhancerSettings, table: TrackTable | None, device: torch.device
) -> dict[Recipe, Contributor]:
    """For each recipe one; the same for all that go by the plain gradient."""
    if Method.GRADIENT not in settings.methods:
        return {}
    score = settings.score
    plain = ContributionSettings(
        organism=score.organism,
        tracks=score.tracks,
        groups=score.groups,
        reverse_complement=score.reverse_complement,
        shifts=score.shifts,
        steps=settings.steps,
        precision=Precision.FLOAT64 if score.precision is Precision.FLOAT64 else Precision.FLOAT32,
    )
    made: dict[bool, Contributor] = {}
    for recipe in settings.recipes:
        is_path = recipe is Recipe.INTEGRATED
        if is_path not in made:
            made[is_path] = make_contributor(model, replace(plain, recipe=recipe), table, device)
    return {recipe: made[recipe is Recipe.INTEGRATED] for recipe in settings.recipes}


def _blocks(
    settings: EnhancerSettings, labels: tuple[str, ...], baselines: Sequence[PairBaseline]
) -> tuple[ValueBlock, ...]:
    """The value columns: those of the model in the order of the methods, then those of baselines."""
    blocks = list[ValueBlock]()
    for method in settings.methods:
        if method is Method.GRADIENT:
            blocks += [ValueBlock(f"GRADIENT_{recipe.upper()}", labels) for recipe in settings.recipes]
        elif method is Method.ATTENTION:
            blocks.append(ValueBlock("ATTENTION", ("",), "share of the attention of the gene's bins"))
        elif method is Method.KNOCK_OUT:
            blocks += [
                ValueBlock(f"KNOCKOUT_{kind.upper()}", labels, _OF_KNOCK_OUTS[kind]) for kind in settings.knock_outs
            ]
    return (*blocks, *(one.block for one in baselines))
