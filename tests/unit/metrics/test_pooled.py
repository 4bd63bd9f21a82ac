"""Windows pooled until a loss is shown or ruled out."""

import numpy as np
import pytest

from sluice.errors import DataError
from sluice.metrics import Minimum, Paired
from sluice.metrics.pooled import decide_loss, pool

MARGIN = 0.01
REFERENCE = 0.5


def window(loss: float, requests: int = 400, seed: int = 0, metric: str = "auc") -> Paired:
    """Of 200 people; the candidate loses so much of the champion's mean, with some noise."""
    rng = np.random.default_rng(seed)
    theirs = np.full(requests, REFERENCE)
    ours = theirs * (1 - loss) + rng.normal(scale=0.05, size=requests)
    return Paired(metric, ours, theirs, np.arange(requests) % 200, np.ones(requests))


def after(windows: int, loss: float):
    parts = [window(loss, seed=nth) for nth in range(windows)]
    found = pool(parts, float(windows), MARGIN, 0.95)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("windows", "loss", "outcome"),
    [
        (1, 0.0, "inconclusive"),
        (1, MARGIN, "inconclusive"),
        (30, 0.0, "pass"),
        (30, MARGIN, "fail"),
        (30, -MARGIN, "pass"),
        (1, 0.2, "fail"),
    ],
)
def test_more_windows_decide_what_one_cannot(windows, loss, outcome):
    assert decide_loss(after(windows, loss), Minimum()).outcome == outcome


def test_a_loss_of_half_the_margin_is_decided_too():
    assert decide_loss(after(120, MARGIN / 2), Minimum()).outcome != "inconclusive"


def test_it_says_in_how_many_days_and_they_shrink():
    first, later = after(2, 0.0), after(6, 0.0)

    assert first.days_left is not None
    assert later.days_left is not None
    assert later.days_left < first.days_left
    assert "days of this traffic" in decide_loss(first, Minimum()).reason
    assert later.days_to_find == pytest.approx(first.days_to_find, rel=0.3)


def test_what_is_shown_grows_finer():
    assert (
        after(20, 0.0).comparison.minimum_detectable
        < after(2, 0.0).comparison.minimum_detectable / 2
    )


def test_people_who_come_again_are_no_new_people():
    assert after(3, 0.0).comparison.clusters == 200


def test_thin_evidence_decides_nothing():
    assert decide_loss(after(30, 0.2), Minimum(clusters=201)).outcome == "inconclusive"


def test_the_same_ranking_passes_at_once():
    same = window(0.0)
    found = pool([Paired("auc", same.reference, same.reference, same.users, same.weights)],
                 1.0, MARGIN, 0.95)  # fmt: skip

    assert found is not None
    assert decide_loss(found, Minimum()).outcome == "pass"


def test_without_labels_there_is_nothing_to_pool():
    blank = window(0.0)
    blank.candidate[:] = np.nan

    assert pool([blank], 1.0, MARGIN, 0.95) is None


def test_windows_of_two_metrics_are_refused():
    with pytest.raises(DataError, match="pool"):
        pool([window(0.0), window(0.0, metric="mrr")], 2.0, MARGIN, 0.95)
