"""The three tables of the event log, as Arrow schemas with units and meaning.

Context columns are extra `float32` columns of the exposures, named `context_*`: facts known when
the request was made (device, time on the page before), never an outcome.
"""

from enum import StrEnum

import pyarrow as pa

CONTEXT_PREFIX = "context_"

TIMESTAMP = pa.timestamp("us", tz="UTC")


class FeedbackKind(StrEnum):
    """What a person did, or an annotator said, about one shown item."""

    CLICK = "click"
    DWELL = "dwell"
    """Value: seconds on the item."""
    LIKE = "like"
    SHARE = "share"
    FOLLOW = "follow"
    HIDE = "hide"
    REPORT = "report"
    AD_CLICK = "ad_click"
    RATING = "rating"
    """Value: stars."""
    RELEVANCE = "relevance"
    """Value: a graded judgement, 0 the worst."""


def _field(
    name: str, kind: pa.DataType, meaning: str, *, nullable: bool = False
) -> pa.Field:
    return pa.field(name, kind, nullable=nullable, metadata={"meaning": meaning})


EXPOSURES = pa.schema(
    [
        _field("request_id", pa.string(), "one ranking shown to one person at one time"),
        _field("user_id", pa.string(), "pseudonym of the person"),
        _field("surface", pa.string(), "where it was shown, e.g. for_you"),
        _field("ts", TIMESTAMP, "when the request was answered"),
        _field("item_id", pa.string(), "the candidate shown"),
        _field(
            "position", pa.int32(), "slot, 1 the top; null where unknown", nullable=True
        ),
        _field(
            "propensity",
            pa.float64(),
            "probability of this item at this slot, given the items above it, under the logging "
            "policy; null where unknown",
            nullable=True,
        ),
        _field(
            "score",
            pa.float64(),
            "the logging policy's score; null where unknown",
            nullable=True,
        ),
        _field(
            "release",
            pa.string(),
            "digest of the release that ranked; null where unknown",
            nullable=True,
        ),
    ]
)

FEEDBACK = pa.schema(
    [
        _field(
            "request_id",
            pa.string(),
            "the request it answers; null for feedback outside any logged request",
            nullable=True,
        ),
        _field("user_id", pa.string(), "pseudonym of the person"),
        _field("item_id", pa.string(), "the item it is about"),
        _field("kind", pa.string(), "one of FeedbackKind"),
        _field("value", pa.float64(), "in the kind's unit; 1 for a plain event"),
        _field("ts", TIMESTAMP, "when it happened"),
        _field("received_ts", TIMESTAMP, "when the platform knew of it; never before ts"),
    ]
)

ITEMS = pa.schema(
    [
        _field("item_id", pa.string(), "the item"),
        _field(
            "provider_id", pa.string(), "publisher, creator or advertiser", nullable=True
        ),
        _field("category", pa.string(), "topic", nullable=True),
        _field("published_at", TIMESTAMP, "when it was first published", nullable=True),
        _field(
            "quality", pa.float64(), "editorial or predicted quality, 0 to 1", nullable=True
        ),
        _field("language", pa.string(), "BCP 47 tag", nullable=True),
        _field(
            "embedding",
            pa.list_(pa.float32()),
            "a vector supplied with the item",
            nullable=True,
        ),
        _field("valid_from", TIMESTAMP, "since when these facts hold"),
    ]
)

TABLES = {"exposures": EXPOSURES, "feedback": FEEDBACK, "items": ITEMS}
