"""From a metric's canonical name back to the metric."""

import re
from collections.abc import Callable, Mapping
from functools import partial

from sluice.errors import ConfigError
from sluice.metrics.auc import Auc, WeightedAuc
from sluice.metrics.average_precision import AveragePrecision
from sluice.metrics.hit_rate import HitRate
from sluice.metrics.metric import Metric
from sluice.metrics.ndcg import Ndcg
from sluice.metrics.recall import Recall
from sluice.metrics.reciprocal_rank import ReciprocalRank

_PLAIN: Mapping[str, Metric] = {
    metric.name: metric
    for metric in (Auc(), WeightedAuc(), AveragePrecision(), ReciprocalRank())
}
_CUT: Mapping[str, Callable[[int], Metric]] = {
    "hit": HitRate,
    "ndcg": Ndcg,
    "ndcg_linear": partial(Ndcg, gain="linear"),
    "recall": Recall,
}
_CUT_NAME = re.compile(r"(?P<stem>[a-z_]+)@(?P<k>[1-9][0-9]{0,5})")


def parse_metric(name: str) -> Metric:
    """The metric of that name, such that `parse_metric(m.name) == m`.

    Raises:
        ConfigError: no such metric; the message lists those there are.
    """
    if name in _PLAIN:
        return _PLAIN[name]
    match = _CUT_NAME.fullmatch(name)
    if match is None or match["stem"] not in _CUT:
        text = ", ".join([*_PLAIN, *(f"{stem}@<k>" for stem in _CUT)])
        raise ConfigError(f"no metric {name!r}; there are: {text}")
    return _CUT[match["stem"]](int(match["k"]))
