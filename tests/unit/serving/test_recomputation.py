"""What was served is computed again bit for bit; what was not is named, and nothing else."""

import hashlib
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from sluice.data.schema import FeedbackKind
from sluice.metrics.parity_report import ReleaseParity
from sluice.serving.parity_feed import POSITION, Feed
from sluice.serving.parity_quality import labels_of
from sluice.serving.recomputation import BLOCK, LoggedAnswer, Passed, Recomputation
from sluice.serving.release_tally import ReleaseTally
from tests.lib.served import (
    HOUR,
    RELEASE,
    Server,
    asked,
    at_once,
    rows,
    scorer,
    until,
)

COLUMN = 3


@pytest.fixture(scope="module")
def feed() -> Feed:
    return Feed.of(rows(at_once)).since(until())


@pytest.fixture(scope="module")
def logged(feed) -> list[LoggedAnswer]:
    return Server(scorer(), feed).serve(asked())


def recomputed(feed: Feed, *groups: list[LoggedAnswer]) -> ReleaseParity:
    """Of one release; a group a process."""
    requests = {each.prediction.request_id for group in groups for each in group}
    labels = labels_of(feed.whole().feedback, FeedbackKind.CLICK, requests)
    tally = ReleaseTally(RELEASE, scorer().state.names, labels)
    for group in groups:
        recomputation = Recomputation(scorer(), feed)
        for block in recomputation.blocks(group, times(group)):
            tally.add(block)
        tally.late += recomputation.late
    return tally.report()


def times(logged: list[LoggedAnswer]) -> np.ndarray:
    return np.array([each.prediction.ts for each in logged], np.int64)


def altered(answer: LoggedAnswer, **changes) -> LoggedAnswer:
    return replace(answer, prediction=answer.prediction._replace(**changes))


def unlike(ours: list[LoggedAnswer], theirs: list[LoggedAnswer]) -> tuple[str, ...]:
    """Names of the answers that are other than those at the same place."""
    return tuple(
        one.name
        for one, other in zip(ours, theirs, strict=True)
        if one.prediction.features_digest != other.prediction.features_digest
    )


def test_every_answer_of_a_server_is_computed_again_bit_for_bit(feed, logged):
    parity = recomputed(feed, logged)

    assert len(logged) > 100
    assert parity.share == 1.0
    assert (parity.requests, parity.other, parity.late) == (len(logged), (), 0)
    assert parity.sampled == len(logged)
    assert not any(each.cells for each in parity.skew)


def test_each_process_has_a_state_of_its_own_also_one_that_began_in_the_middle(feed):
    requests = asked()
    first = Server(scorer(), feed, "1-a").serve(requests[::2])
    second = Server(scorer(), feed, "2-b").serve(requests[len(requests) // 2 :: 3])
    parity = recomputed(feed, first, second)

    assert parity.share == 1.0
    assert parity.requests == len(first) + len(second)


def test_requests_out_of_time_are_computed_in_the_order_in_which_they_were_asked(feed):
    requests = asked(gap=3 * HOUR)
    for nth in range(5, len(requests) - 10, 11):
        moved = replace(requests.pop(nth + 6), position=requests[nth].position)
        requests.insert(nth, moved)
    logged = Server(scorer(), feed).serve(requests)

    assert (np.diff(times(logged)) < 0).any()
    assert recomputed(feed, logged).share == 1.0


def test_an_event_that_was_pushed_late_names_exactly_the_answers_that_lacked_it(
    feed, logged
):
    """The journal says that a click was there; the server took it six hours later."""
    row = feed.rows.feedback.with_row_index().filter(
        pl.col("kind") == "click",
        pl.col(POSITION) > feed.rows.feedback[POSITION].min() + 60,
    )["index"][0]
    moved = pl.when(pl.int_range(pl.len()) == row).then(pl.col(POSITION) + 360)
    lagging = Feed.of(
        replace(
            feed.rows,
            feedback=feed.rows.feedback.with_columns(moved.otherwise(pl.col(POSITION))),
        )
    )
    served = Server(scorer(), lagging).serve(asked())
    missed = unlike(served, logged)

    parity = recomputed(feed, served)

    assert 0 < len(missed) < len(served)
    assert parity.other == missed
    assert parity.identical == len(served) - len(missed)
    assert {"item.click.24h"} <= {each.name for each in parity.skew if each.cells}


@pytest.mark.parametrize("late", ["clicks", "everything"])
def test_events_that_come_after_their_time_are_counted_late_as_they_were(late):
    """A third of them is accepted up to five hours after it was available."""

    def delay(table: str) -> pl.Expr:
        if late == "clicks" and table != "feedback":
            return pl.lit(0)
        key = {"feedback": "ts", "exposures": "request_id", "items": "item_id"}[table]
        mixed = pl.col(key).hash(3)
        return pl.when(mixed % 3 == 0).then(mixed % (5 * HOUR)).otherwise(0).cast(pl.Int64)

    feed = Feed.of(rows(delay)).since(until())
    requests = asked()
    logged = Server(scorer(), feed).serve(requests)
    restarted = Server(scorer(), feed, "2-b").serve(requests[40::2])
    parity = recomputed(feed, logged, restarted)

    assert parity.late > 20
    assert parity.share == 1.0
    assert parity.requests == len(logged) + len(restarted)
    assert any(each.cells for each in parity.delayed)


def test_a_window_that_begins_in_the_middle_of_a_process_needs_what_came_before(feed):
    moved = pl.when(pl.int_range(pl.len()) % 4 == 0).then(pl.col(POSITION) + 200)
    feed = Feed.of(
        replace(
            feed.rows,
            feedback=feed.rows.feedback.with_columns(moved.otherwise(pl.col(POSITION))),
        )
    )
    logged = Server(scorer(), feed).serve(asked())
    earlier = [
        Passed(each.prediction.ts, each.prediction.feed_position) for each in logged[:70]
    ]
    recomputation = Recomputation(scorer(), feed)
    recomputation.go_past(earlier)
    blocks = list(recomputation.blocks(logged[70:], times(logged[70:])))

    assert all(each.identical for block in blocks for each in block)
    assert sum(map(len, blocks)) == len(logged) - 70
    # Late events count from the clock on, and that was moved by what was asked before.
    assert recomputed(feed, logged[70:]).identical < len(logged) - 70


def test_a_feature_that_was_served_otherwise_is_named_with_its_requests(feed, logged):
    name = scorer().state.names[COLUMN]
    wrong = range(7, len(logged), 25)
    served = list(logged)
    for nth in wrong:
        asked_for = logged[nth].prediction
        assert asked_for.features is not None
        matrix = np.frombuffer(asked_for.features, np.float32).copy()
        matrix = matrix.reshape(-1, len(scorer().state.names))
        matrix[:, COLUMN] += 2.5
        served[nth] = altered(
            logged[nth],
            features=matrix.tobytes(),
            features_digest=hashlib.sha256(matrix.tobytes()).hexdigest(),
            scores=tuple(scorer().ranker.score(matrix).tolist()),
        )
    parity = recomputed(feed, served)
    (gap,) = [each for each in parity.skew if each.cells]

    assert parity.other == tuple(served[nth].name for nth in wrong)
    assert (gap.name, gap.requests) == (name, len(wrong))
    assert gap.largest == pytest.approx(2.5)
    # What was known then is what it was; only what was served of it is not.
    assert recomputed(feed, logged).delayed == parity.delayed


@pytest.mark.parametrize("bit", ["score", "zero"])
def test_a_score_that_is_another_by_a_bit_is_not_identical(feed, logged, bit):
    first, *others = logged[3].prediction.scores
    other = np.nextafter(first, np.inf) if bit == "score" else -0.0
    scores = (float(other), *others)
    served = [*logged[:3], altered(logged[3], scores=scores), *logged[4:]]

    assert recomputed(feed, served).other == (logged[3].name,)


def test_an_answer_that_the_state_would_have_refused_is_not_identical(feed, logged):
    """Asked a day earlier than it was: the past is no longer known."""
    early = altered(logged[60], ts=logged[60].prediction.ts - 24 * HOUR)
    parity = recomputed(feed, [*logged[:60], early, *logged[61:]])

    assert parity.other == (early.name,)
    assert parity.requests == len(logged)


def test_what_came_late_is_told_by_feature_and_costs_quality(feed):
    """Everything reaches the state three hours after it was available, as it was pushed."""
    served = Server(scorer(), feed).serve(asked(gap=3 * HOUR))
    parity = recomputed(feed, served)
    gaps = {each.name: each for each in parity.delayed}

    assert parity.share == 1.0
    assert not any(each.cells for each in parity.skew)
    assert gaps["item.click.1h"].mismatch
    assert gaps["item.click.1h"].largest >= 1.0
    assert gaps["item.click.1h"].requests > 20
    assert parity.scores is not None
    assert 0 < parity.scores.changed <= len(served)
    assert parity.scores.largest >= parity.scores.mean > 0
    quality = parity.quality
    assert quality is not None
    assert (quality.metric, quality.confidence) == ("ndcg@10", 0.95)
    assert 20 < quality.requests <= len(served)
    assert quality.low <= quality.difference <= quality.high


def test_with_nothing_late_there_is_no_gap_but_that_of_the_minute(feed):
    """Batches end with their minute, so that a state lags behind by less than two."""
    served = Server(scorer(), feed).serve(asked())
    parity, lagging = (
        recomputed(feed, served),
        Server(scorer(), feed).serve(asked(gap=HOUR)),
    )
    late = recomputed(feed, lagging)

    assert parity.scores is not None
    assert late.scores is not None
    assert parity.scores.changed < late.scores.changed


def test_blocks_hold_no_more_than_they_say(feed, logged):
    many = [
        altered(replace(logged[-1], sequence=nth), ts=logged[-1].prediction.ts + nth)
        for nth in range(1, 2 * BLOCK + 2)
    ]
    blocks = Recomputation(scorer(), feed).blocks(many, times(many))
    sizes = [len(block) for block in blocks]

    assert sum(sizes) == len(many)
    assert max(sizes) <= BLOCK
    assert len(sizes) == 3


def test_without_a_label_there_is_no_quality(feed, logged):
    parity = recomputed(feed, logged)
    tally = ReleaseTally(RELEASE, scorer().state.names, {})
    for block in Recomputation(scorer(), feed).blocks(logged, times(logged)):
        tally.add(block)

    assert parity.quality is not None
    assert tally.report().quality is None
    assert tally.report().scores == parity.scores
