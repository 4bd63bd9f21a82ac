"""What was served is computed again bit for bit; what was not is named, and nothing else."""

import pytest

from serving.parity_feed import Feed
from serving.parity_quality import labels_of
from serving.recomputation import Recomputation
from serving.release_tally import ReleaseTally
from sluice.data.schema import FeedbackKind
from sluice.metrics.parity_report import ReleaseParity
from tests.lib.served import (
    RELEASE,
    Server,
    asked,
    at_once,
    rows,
    scorer,
    until,
)


@pytest.fixture(scope="module")
def feed() -> Feed:
    return Feed.of(rows(at_once)).since(until())


def recomputed(logged, feed, *others) -> ReleaseParity:
    labels = labels_of(
        feed.whole().feedback,
        FeedbackKind.CLICK,
        {each.prediction.request_id for each in logged},
    )
    tally = ReleaseTally(RELEASE, scorer().state.names, labels)
    for group in (logged, *others):
        recomputation = Recomputation(scorer(), feed)
        for block in recomputation.blocks(group):
            tally.add(block)
        tally.late += recomputation.late
    return tally.report()


def test_every_answer_of_a_server_is_computed_again_bit_for_bit(feed):
    logged = Server(scorer(), feed).serve(asked())
    parity = recomputed(logged, feed)

    assert len(logged) > 100
    assert parity.share == 1.0
    assert (parity.requests, parity.other) == (len(logged), ())
    assert parity.sampled == len(logged)
    assert not any(each.cells for each in parity.skew)
