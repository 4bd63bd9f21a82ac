"""Per-request ranking metrics and what may be concluded from them."""

from sluice.metrics.auc import Auc, WeightedAuc
from sluice.metrics.average_precision import AveragePrecision
from sluice.metrics.calibration import Calibration, measure_calibration
from sluice.metrics.calibration_slices import CalibrationRule, calibrations
from sluice.metrics.churn import likeness, noise_floor
from sluice.metrics.comparison import PairedComparison, compare, compare_pairs
from sluice.metrics.decision import Decision, Minimum, decide
from sluice.metrics.evaluation import DEFAULT, Evaluation, evaluate
from sluice.metrics.hit_rate import HitRate
from sluice.metrics.metric import Metric
from sluice.metrics.names import parse_metric
from sluice.metrics.ndcg import Ndcg
from sluice.metrics.pairing import Paired, pair
from sluice.metrics.predictions import Predictions, predictions_of
from sluice.metrics.recall import Recall
from sluice.metrics.reciprocal_rank import ReciprocalRank
from sluice.metrics.slices import SliceReport, SliceRule, compare_slices

__all__ = [
    "DEFAULT",
    "Auc",
    "AveragePrecision",
    "Calibration",
    "CalibrationRule",
    "Decision",
    "Evaluation",
    "HitRate",
    "Metric",
    "Minimum",
    "Ndcg",
    "Paired",
    "PairedComparison",
    "Predictions",
    "Recall",
    "ReciprocalRank",
    "SliceReport",
    "SliceRule",
    "WeightedAuc",
    "calibrations",
    "compare",
    "compare_pairs",
    "compare_slices",
    "decide",
    "evaluate",
    "likeness",
    "measure_calibration",
    "noise_floor",
    "pair",
    "parse_metric",
    "predictions_of",
]
