"""Small random event logs, and a plain Python reading of what each feature means."""

from datetime import UTC, datetime, timedelta

import polars as pl
from hypothesis import strategies as st

from sluice.data.schema import EXPOSURES, FEEDBACK, ITEMS
from sluice.data.tables import LogTables

START = datetime(2026, 1, 5, tzinfo=UTC)
ITEM_IDS = ("a", "b", "c", "d", "e")
USER_IDS = ("u", "v", "w")

_DTYPES = {
    id(schema): dict(pl.DataFrame(schema.empty_table()).schema)
    for schema in (EXPOSURES, FEEDBACK, ITEMS)
}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def micros(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000 + moment.microsecond


def table(schema, rows: list[dict]) -> pl.DataFrame:
    """Rows as a frame of exactly that schema; absent values are null."""
    return pl.DataFrame(
        {name: [row.get(name) for row in rows] for name in schema.names},
        schema=_DTYPES[id(schema)],
    )


def log(
    requests: list[tuple], feedback: list[tuple] = (), items: list[dict] = ()
) -> LogTables:
    """A log from `(seconds, user, items)` requests and `(request, user, item, seconds, received)`.

    A feedback's request is its number in `requests`, or None for a click outside any; a sixth
    entry is its kind, a click without it.
    """
    exposures, clicks = [], []
    for number, (seconds, user, shown) in enumerate(requests):
        exposures += [
            {"request_id": f"r{number:04d}", "user_id": user, "surface": "for_you",
             "ts": at(seconds), "item_id": item, "position": place}
            for place, item in enumerate(shown, start=1)
        ]  # fmt: skip
    for number, user, item, seconds, received, *kind in feedback:
        clicks.append({
            "request_id": None if number is None else f"r{number:04d}", "user_id": user,
            "item_id": item, "kind": kind[0] if kind else "click", "value": 1.0, "ts": at(seconds),
            "received_ts": at(received),
        })  # fmt: skip
    return LogTables(
        exposures=table(EXPOSURES, exposures).sort("ts", "request_id", maintain_order=True),
        feedback=table(FEEDBACK, clicks).sort("received_ts", "ts", maintain_order=True),
        items=table(ITEMS, [{"valid_from": at(-1), **item} for item in items]),
    )


@st.composite
def random_logs(draw) -> LogTables:
    """Up to twelve requests within two hours, with clicks that may arrive late."""
    requests, feedback = [], []
    for number in range(draw(st.integers(1, 12))):
        seconds = draw(st.integers(0, 7200))
        user = draw(st.sampled_from(USER_IDS))
        shown = draw(
            st.lists(st.sampled_from(ITEM_IDS), min_size=1, max_size=4, unique=True)
        )
        requests.append((seconds, user, shown))
        for item in draw(st.lists(st.sampled_from(shown), max_size=2, unique=True)):
            happened = seconds + draw(st.integers(0, 60))
            feedback.append(
                (number, user, item, happened, happened + draw(st.integers(0, 900)))
            )
    for _ in range(draw(st.integers(0, 3))):
        seconds = draw(st.integers(-3600, 7200))
        user, item = draw(st.sampled_from(USER_IDS)), draw(st.sampled_from(ITEM_IDS))
        feedback.append((None, user, item, seconds, seconds))
    providers = draw(st.lists(st.sampled_from(("p", "q", None)), min_size=5, max_size=5))
    items = [
        {"item_id": item, "provider_id": provider, "published_at": at(-100)}
        for item, provider in zip(ITEM_IDS, providers, strict=True)
    ]
    return log(requests, feedback, items)


@st.composite
def eventful_logs(draw) -> LogTables:
    """As `random_logs`, over days, with likes and hides, and facts and vectors that change."""
    requests, feedback = [], []
    for number in range(draw(st.integers(1, 14))):
        seconds = draw(st.integers(0, 3 * 86_400))
        user = draw(st.sampled_from(USER_IDS))
        shown = draw(
            st.lists(st.sampled_from(ITEM_IDS), min_size=1, max_size=4, unique=True)
        )
        requests.append((seconds, user, shown))
        for item in draw(st.lists(st.sampled_from(shown), max_size=3)):
            happened = seconds + draw(st.integers(0, 60))
            received = happened + draw(st.sampled_from((0, 30, 4000, 90_000)))
            kind = draw(st.sampled_from(("click", "click", "like", "hide")))
            answered = draw(st.sampled_from((number, number, None)))
            feedback.append((answered, user, item, happened, received, kind))
    facts = [
        {
            "item_id": draw(st.sampled_from(ITEM_IDS)),
            "provider_id": draw(st.sampled_from(("p", "q", None))),
            "category": draw(st.sampled_from(("x", "y", None))),
            "published_at": at(draw(st.integers(-9000, 0))),
            "embedding": draw(st.sampled_from(([1.0, 0.0], [0.5, 2.0], [-1.0, 1.0], None))),
            "valid_from": at(draw(st.sampled_from((-1, 1000, 90_000, 180_000)))),
        }
        for _ in range(draw(st.integers(0, 8)))
    ]
    once = {(fact["item_id"], fact["valid_from"]): fact for fact in facts}
    return log(
        requests, feedback, sorted(once.values(), key=lambda fact: fact["valid_from"])
    )
