"""What mechanisms read of the log: as it was known at each request, not a moment later."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from sluice.data.frames import log_tables
from sluice.data.schema import FeedbackKind
from sluice.features.declaration.spec import FeatureSpec
from sluice.features.state.replay import replay
from sluice.flows.logged_slates import TOLD, ages, logged_slates, without_the_unknown

T0 = datetime(2026, 1, 5, tzinfo=UTC)
US = pl.Datetime("us", "UTC")


def at(hours):
    return T0 + timedelta(hours=hours)


def tables(items, feedback=()):
    """Person u is shown a and b at hours 10 and 20."""
    exposures = pl.DataFrame(
        [
            {"request_id": f"r{hour}", "user_id": "u", "surface": "feed", "ts": at(hour),
             "item_id": item}
            for hour in (10, 20)
            for item in ("a", "b")
        ],
        schema_overrides={"ts": US},
    )  # fmt: skip
    kinds = {"ts": US, "received_ts": US, "request_id": pl.String, "value": pl.Float64}
    names = ["request_id", "user_id", "item_id", "kind", "value", "ts", "received_ts"]
    told = pl.DataFrame(
        [
            dict(
                zip(names, ("r10", "u", item, kind, 1.0, at(when), at(known)), strict=True)
            )
            for item, kind, when, known in feedback
        ],
        schema={name: kinds.get(name, pl.String) for name in names},
    )
    facts = {"valid_from": US, "published_at": US, "embedding": pl.List(pl.Float32)}
    return log_tables(exposures, told, pl.DataFrame(items, schema_overrides=facts))


def slates(found, wanted=TOLD, **features):
    spec = FeatureSpec(**features)
    frame = replay(spec, FeedbackKind.CLICK, found).frame
    return logged_slates(frame, found, np.zeros(frame.rows), spec, wanted)


def fact(item, since, **facts):
    return {"item_id": item, "valid_from": at(since), **facts}


def test_facts_are_those_believed_before_the_request():
    log = tables(
        [
            fact("a", 0, category="old", provider_id="p", published_at=at(0)),
            fact("a", 20, category="just now", provider_id="p", published_at=at(0)),
            fact("b", 15, category="late", provider_id=None, published_at=None),
        ]
    )
    found = slates(log)

    assert found.categories == ["old", None, "old", "late"]
    assert found.providers == ["p", None, "p", None]
    np.testing.assert_array_equal(
        ages(replay(FeatureSpec(), FeedbackKind.CLICK, log).frame, log.items),
        [36_000, np.nan, 72_000, np.nan],
    )


def test_only_what_is_wanted_is_read():
    log = tables([fact("a", 0, category="k", provider_id="p", embedding=[1.0])])
    found = slates(log, {"providers"})

    assert found.providers == ["p", None, "p", None]
    assert found.categories is found.embeddings is found.interests is None
    assert slates(log, frozenset()).providers is None


def test_what_is_known_of_no_item_is_unknown_of_each_and_may_be_left_out():
    log = tables([fact("a", 0)])
    found = slates(log)
    left = without_the_unknown(found)

    assert found.categories == found.providers == [None] * 4
    assert found.embeddings.shape == (4, 0)
    assert found.interests == [{}, {}]
    assert left.categories is left.providers is left.embeddings is left.interests is None
    assert ages(replay(FeatureSpec(), FeedbackKind.CLICK, log).frame, log.items) is None


def test_no_candidate_of_a_log_is_an_ad():
    found = slates(tables([fact("a", 0)]), {"is_ad", "revenue"})

    assert found.is_ad.tolist() == [False] * 4
    assert found.revenue.tolist() == [0.0] * 4


def test_a_fact_without_a_vector_leaves_the_one_before_it():
    found = slates(
        tables(
            [
                fact("a", 0, embedding=[1.0, 2.0]),
                fact("a", 15, embedding=None, category="k"),
                fact("b", 15, embedding=[3.0, 4.0]),
            ]
        )
    )

    np.testing.assert_array_equal(found.embeddings, [[1, 2], [0, 0], [1, 2], [3, 4]])


def test_interest_counts_what_was_known_before_the_request():
    log = tables(
        [fact("a", 0, category="k"), fact("b", 0, category="l"), fact("b", 15, category="m")],
        [
            ("a", "click", 11, 11), ("b", "click", 12, 12), ("b", "click", 16, 17),
            ("a", "like", 12, 12), ("a", "click", 14, 20), ("a", "click", 21, 21),
        ],
    )  # fmt: skip

    assert slates(log).interests == [{}, {"k": 1, "l": 1, "m": 1}]
    # Under an embargo b's click at 12 is counted at 16, and what is said of it at 15 holds from 19 on.
    assert slates(log, embargo="4h").interests == [{}, {"k": 1, "l": 1}]
    assert slates(log, windows=(), horizon="5h").interests == [{}, {"m": 1}]
