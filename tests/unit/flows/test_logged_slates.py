"""What mechanisms read of the log: as it was known at each request, not a moment later."""

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from flows.logged_slates import logged_slates
from sluice.data.frames import log_tables
from sluice.data.schema import FeedbackKind
from sluice.features.replay import replay
from sluice.features.spec import FeatureSpec

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


def slates(found):
    frame = replay(FeatureSpec(), FeedbackKind.CLICK, found).frame
    return logged_slates(frame, found, np.zeros(frame.rows), FeedbackKind.CLICK)


def fact(item, since, **facts):
    return {"item_id": item, "valid_from": at(since), **facts}


def test_facts_are_those_of_the_requests_time():
    found = slates(
        tables(
            [
                fact("a", 0, category="old", provider_id="p", published_at=at(0)),
                fact("a", 15, category="new", provider_id="p", published_at=at(0)),
                fact("b", 15, category="late", provider_id=None, published_at=None),
            ]
        )
    )

    assert found.categories == ["old", None, "new", "late"]
    assert found.providers == ["p", None, "p", None]
    np.testing.assert_array_equal(found.ages, [36_000, np.nan, 72_000, np.nan])
    assert found.embeddings is None


def test_a_column_that_no_item_has_is_none():
    found = slates(tables([fact("a", 0)]))

    assert found.categories is found.providers is found.ages is found.interests is None


def test_vectors_are_of_the_commonest_length():
    long, short = [1.0, 2.0], [1.0]
    found = slates(tables([fact("a", 0, embedding=long), fact("b", 15, embedding=short),
                           fact("b", 0, embedding=None)]))  # fmt: skip

    np.testing.assert_array_equal(found.embeddings, [long, [0, 0], long, [0, 0]])


def test_interest_counts_what_was_known_before_the_request():
    found = slates(
        tables(
            [fact("a", 0, category="k"), fact("b", 0, category="l")],
            [
                ("a", "click", 11, 11), ("b", "click", 12, 12), ("b", "click", 13, 13),
                ("a", "like", 12, 12), ("a", "click", 14, 20), ("a", "click", 21, 21),
            ],
        )
    )  # fmt: skip

    assert found.interests == [None, {"k": 1, "l": 2}]
