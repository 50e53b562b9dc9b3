"""What became of a label row: each has exactly one outcome."""

from enum import StrEnum


class Outcome(StrEnum):
    """Whether a label row was used, and if not, why not.

    OTHER_ORDER: the scores have REF and ALT the other way round, which for alleles of unequal length is another variant
    (`A>AG` inserts what `AG>A` deletes).
    NOT_CALIBRATED: the scores are quantiles or z-scores, and the calibration lacks the variant's class.
    A row whose variant was met but not scored has the outcome `not_scored:` followed by the score table's status.
    """

    POSITIVE = "positive"
    NEGATIVE = "negative"
    BETWEEN = "between_thresholds"
    NO_LABEL = "no_label"
    DUPLICATE = "duplicate"
    NOT_IN_SCORES = "not_in_scores"
    OTHER_ORDER = "indel_in_other_order"
    AMBIGUOUS_ID = "ambiguous_id"
    NOT_FINITE = "not_finite"
    NOT_CALIBRATED = "not_calibrated"


NOT_SCORED = "not_scored:"
