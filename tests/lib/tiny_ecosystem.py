"""A log of five exposures for scorecards: small enough to work its figures out by hand."""

from datetime import timedelta

from sluice.data.frames import in_order, log_tables
from sluice.data.tables import LogTables, Window
from sluice.ecosystem.encoding import encode
from sluice.ecosystem.registry import measures
from sluice.ecosystem.settings import Stated
from tests.lib.logs import START, event, exposure, frame, item

HOUR = 3_600_000_000
MIDNIGHT = START.replace(hour=0)
DAYS = Window(MIDNIGHT, MIDNIGHT + timedelta(days=3))


def ago(hours):
    return START - timedelta(hours=hours)


def facts(name, provider, category, hours, quality=None, embedding=None):
    return item(
        name, provider_id=provider, category=category, published_at=ago(hours),
        valid_from=ago(hours), quality=quality, embedding=embedding,
    )  # fmt: skip


def past(person, name, number):
    """A click on the day before the window, outside any logged request."""
    at = MIDNIGHT - timedelta(hours=1 + number)
    return event(0, name, request_id=None, user_id=person, ts=at, received_ts=at)


# u0 is shown a and c, an hour later u1 is shown a, b and c; nobody is shown d.
ITEMS = [
    facts("a", "p", "x", 2, 0.8, [1.0, 0.0]), facts("b", "p", "x", 1, 0.4, [0.0, 2.0]),
    facts("c", "q", "y", 30, 0.5, [-1.0, 0.0]), facts("d", "r", "z", 50),
]  # fmt: skip
SHOWN = [
    exposure(0, "a", 1), exposure(0, "c", 2),
    exposure(1, "a", 1), exposure(1, "b", 2), exposure(1, "c", 3),
]  # fmt: skip
DONE = [
    event(1, "a"), event(1, "b"), event(0, "c", "hide"),
    event(0, "a", "dwell", value=10.0), event(1, "b", "dwell", value=35.0),
    *(past("u0", "a", number) for number in range(3)), past("u0", "c", 3), past("u0", "c", 4),
    *(past("u1", "c", number) for number in range(5)),
]  # fmt: skip
STATED = Stated(
    min_people=2, at_exposures=2, discovered_clicks=1, new_for=int(2.5 * HOUR), resamples=0
)


def tables(shown=SHOWN, done=DONE, items=ITEMS) -> LogTables:
    return log_tables(
        in_order("exposures", frame("exposures", shown)),
        in_order("feedback", frame("feedback", done)),
        in_order("items", frame("items", items)),
    )


def exposures(shown=SHOWN, done=DONE, items=ITEMS, stated=STATED):
    return encode(tables(shown, done, items), "for_you", DAYS, stated).exposures


def value(name, **changed):
    return measures()[name].figure(exposures(**changed)).value
