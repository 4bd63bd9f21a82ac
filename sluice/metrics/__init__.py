"""Per-request ranking metrics and their paired comparison."""

from sluice.metrics.auc import Auc
from sluice.metrics.comparison import PairedComparison, compare
from sluice.metrics.evaluation import DEFAULT, Evaluation, evaluate
from sluice.metrics.metric import Metric
from sluice.metrics.names import parse_metric
from sluice.metrics.ndcg import Ndcg
from sluice.metrics.recall import Recall
from sluice.metrics.reciprocal_rank import ReciprocalRank

__all__ = [
    "DEFAULT",
    "Auc",
    "Evaluation",
    "Metric",
    "Ndcg",
    "PairedComparison",
    "Recall",
    "ReciprocalRank",
    "compare",
    "evaluate",
    "parse_metric",
]
