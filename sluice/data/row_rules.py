"""Row rules of the three tables: what makes a row unfit, as data.

Every rule is a polars expression that is true where a row is broken; null counts as sound, so
that each fault is counted under the one rule that names it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import polars as pl

from sluice.data.frames import context_columns, dtypes, empty_frame
from sluice.data.known_rows import KEYS
from sluice.data.limits import CLOCK_AHEAD, MAX_CANDIDATES, MAX_ID_CHARACTERS, OLDEST
from sluice.data.schema import TABLES, FeedbackKind
from sluice.data.tables import LogTables
from sluice.errors import BadRows

MAX_VALUE = 1e9
"""Seconds, stars or grades; no honest value of any kind comes near it."""
MAX_GRADE = 4
MAX_STARS = 5

_LATEST = "latest_allowed"
"""Column that holds the last time that does not lie in the future, see `at_time`."""
REQUEST_COLUMNS = ["request_id", "item_id", "user_id", "ts"]
"""What must be known of an exposure to judge the feedback on it."""


@dataclass(frozen=True)
class RowRule:
    """One way for a row to be broken."""

    name: str
    """`table.column.fault`, the key under which broken rows are counted."""
    broken: pl.Expr


@dataclass(frozen=True)
class Faults:
    """Which rows broke which rule."""

    masks: dict[str, pl.DataFrame]
    """Table -> one Boolean column a rule, one row a row of the table."""

    @property
    def counts(self) -> dict[str, int]:
        """Rule -> rows that broke it; rules that held are left out."""
        totals = {
            name: int(mask[name].sum())
            for mask in self.masks.values()
            for name in mask.columns
        }
        return {name: count for name, count in totals.items() if count}

    def with_mask(self, table: str, name: str, broken: pl.Series) -> "Faults":
        """The same with one more rule, already evaluated."""
        return Faults(
            self.masks | {table: self.masks[table].with_columns(broken.alias(name))}
        )

    def reasons(self, table: str) -> pl.Series:
        """The names of the rules each row broke, joined; null for a sound row."""
        mask = self.masks[table]
        names = [pl.when(pl.col(name)).then(pl.lit(name)) for name in mask.columns]
        reason = mask.select(
            pl.concat_str(names, separator=", ", ignore_nulls=True)
        ).to_series()
        return reason.replace("", None).alias("reason")


def find_faults(
    tables: LogTables, at: datetime, earlier: pl.DataFrame | None = None
) -> Faults:
    """Evaluate every rule over the three tables.

    Args:
        tables: conformed tables.
        at: the time of judging; events after it lie in the future.
        earlier: REQUEST_COLUMNS of exposures logged before, which feedback may answer as well.
    """
    shown = shown_rows(tables.exposures, earlier)
    rules = {
        "exposures": (
            tables.exposures,
            (*exposure_rules(tables.exposures), *REQUEST_RULES, _once("exposures")),
        ),
        "feedback": (
            with_request(tables.feedback, shown),
            (*feedback_rules(), _once("feedback")),
        ),
        "items": (tables.items, (*item_rules(), _once("items"))),
    }
    return Faults(
        {table: _evaluate(frame, named, at) for table, (frame, named) in rules.items()}
    )


def refuse(counts: dict[str, int], source: str) -> None:
    """Refuse a batch with broken rows.

    Raises:
        BadRows: any rule was broken; lists each with its count.
    """
    if counts:
        listed = "; ".join(f"{name}: {count}" for name, count in sorted(counts.items()))
        raise BadRows(
            f"{source}: rows broke these rules: {listed}. Mend the source, or quarantine them.",
            counts,
        )


def exposure_rules(frame: pl.DataFrame) -> tuple[RowRule, ...]:
    """Rules over one exposure by itself; see REQUEST_RULES for those over its request."""
    return _exposure_rules(tuple(context_columns(frame)))


@cache
def _exposure_rules(context: tuple[str, ...]) -> tuple[RowRule, ...]:
    position, propensity, score = pl.col("position"), pl.col("propensity"), pl.col("score")
    return (
        *_common_rules("exposures", ["ts"]),
        RowRule("exposures.position.below_1", position < 1),
        RowRule("exposures.propensity.not_finite", _not_finite(propensity)),
        RowRule(
            "exposures.propensity.not_in_0_1",
            propensity.is_finite()
            & ((propensity <= 0) | (propensity > 1) | _denormal(propensity)),
        ),
        RowRule("exposures.score.not_finite", _not_finite(score)),
        *(
            RowRule(f"exposures.{name}.not_finite", _not_finite(pl.col(name)))
            for name in context
        ),
    )


@cache
def feedback_rules() -> tuple[RowRule, ...]:
    """Rules over feedback joined with the request it answers, see `with_request`."""
    value, kind = pl.col("value"), pl.col("kind")
    answers = pl.col("request_id").is_not_null()
    present = pl.col("request_ts").is_not_null()
    return (
        *_common_rules("feedback", ["ts", "received_ts"]),
        RowRule(
            "feedback.kind.unknown", ~kind.is_in([str(label) for label in FeedbackKind])
        ),
        RowRule("feedback.value.not_finite", _not_finite(value)),
        # 1 / -0.0 is -inf: a negative zero equals zero and yet has other bytes.
        RowRule(
            "feedback.value.negative", value.is_finite() & ((value < 0) | (1 / value < 0))
        ),
        RowRule("feedback.value.denormal", value.is_finite() & _denormal(value)),
        RowRule("feedback.value.too_large", value.is_finite() & (value > MAX_VALUE)),
        RowRule(
            "feedback.relevance.not_a_grade",
            (kind == FeedbackKind.RELEVANCE)
            & ~(value.is_between(0, MAX_GRADE) & (value % 1 == 0)),
        ),
        RowRule(
            "feedback.rating.not_in_0_5",
            (kind == FeedbackKind.RATING) & ~value.is_between(0, MAX_STARS),
        ),
        RowRule("feedback.received_ts.before_ts", pl.col("received_ts") < pl.col("ts")),
        RowRule("feedback.ts.before_exposure", pl.col("ts") < pl.col("request_ts")),
        RowRule("feedback.request.unknown", answers & ~present),
        RowRule("feedback.item.not_shown", answers & present & ~pl.col("was_shown")),
        RowRule(
            "feedback.user.differs", present & (pl.col("user_id") != pl.col("request_user"))
        ),
    )


@cache
def item_rules() -> tuple[RowRule, ...]:
    quality, embedding = pl.col("quality"), pl.col("embedding")
    return (
        *_common_rules("items", ["valid_from"]),
        # published_at is free: an article may be announced, and a film be older than any log.
        RowRule("items.quality.not_finite", _not_finite(quality)),
        RowRule(
            "items.quality.not_in_0_1", quality.is_finite() & ~quality.is_between(0, 1)
        ),
        RowRule(
            "items.embedding.not_finite",
            ~embedding.list.eval(
                pl.element().is_finite().fill_null(value=False)
            ).list.all(),
        ),
    )


def _common_rules(table: str, times: Iterable[str]) -> Iterable[RowRule]:
    for field in TABLES[table]:
        if not field.nullable:
            yield RowRule(f"{table}.{field.name}.null", pl.col(field.name).is_null())
        if dtypes(table)[field.name] == pl.String():
            yield RowRule(f"{table}.{field.name}.empty", pl.col(field.name) == "")
        if dtypes(table)[field.name] == pl.String() and field.name != "kind":
            yield RowRule(f"{table}.{field.name}.too_long", _too_long(field.name))
    for name in times:
        yield RowRule(f"{table}.{name}.in_the_future", pl.col(name) > pl.col(_LATEST))
        yield RowRule(f"{table}.{name}.before_1990", pl.col(name) < pl.lit(OLDEST))


def _not_finite(column: pl.Expr) -> pl.Expr:
    return ~column.is_finite()


def _denormal(column: pl.Expr) -> pl.Expr:
    return (column != 0) & (1 / column).is_infinite()


def _too_long(name: str) -> pl.Expr:
    return pl.col(name).str.len_chars() > MAX_ID_CHARACTERS


def _differs_in_request(name: str) -> pl.Expr:
    return pl.col(name).ne_missing(pl.col(name).first().over("request_id"))


REQUEST_FACTS = ("ts", "user_id", "surface")
"""What all exposures of a request have in common."""
REQUEST_RULES = (
    *(
        RowRule(f"exposures.request.several_{name}", _differs_in_request(name))
        for name in REQUEST_FACTS
    ),
    RowRule("exposures.request.too_large", pl.len().over("request_id") > MAX_CANDIDATES),
)
_TWICE = {
    "exposures": "duplicate_candidate",
    "feedback": "duplicate_event",
    "items": "duplicate_version",
}


def _once(table: str) -> RowRule:
    """No two rows of a batch are the same event."""
    return RowRule(f"{table}.{_TWICE[table]}", pl.struct(KEYS[table]).is_duplicated())


def shown_rows(exposures: pl.DataFrame, earlier: pl.DataFrame | None) -> pl.DataFrame:
    """REQUEST_COLUMNS of the exposures at hand and of those logged before."""
    frame = earlier if earlier is not None else empty_frame("exposures")
    return pl.concat([exposures.select(REQUEST_COLUMNS), frame.select(REQUEST_COLUMNS)])


def with_request(feedback: pl.DataFrame, shown: pl.DataFrame) -> pl.DataFrame:
    """Feedback with `request_ts`, `request_user` and `was_shown` of the request it answers."""
    requests = shown.group_by("request_id").agg(
        pl.col("ts").first().alias("request_ts"),
        pl.col("user_id").first().alias("request_user"),
    )
    pairs = shown.select(
        "request_id", "item_id", pl.lit(value=True).alias("was_shown")
    ).unique()
    return (
        feedback.join(requests, on="request_id", how="left", maintain_order="left")
        .join(pairs, on=["request_id", "item_id"], how="left", maintain_order="left")
        .with_columns(pl.col("was_shown").fill_null(value=False))
    )


def at_time(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    """The frame with the time of judging, which the rules need."""
    latest = pl.Series(_LATEST, [at + CLOCK_AHEAD], pl.Datetime("us", "UTC"))
    return frame.with_columns(latest.new_from_index(0, frame.height))


def _evaluate(frame: pl.DataFrame, rules: Iterable[RowRule], at: datetime) -> pl.DataFrame:
    return at_time(frame, at).select(
        rule.broken.fill_null(value=False).alias(rule.name) for rule in rules
    )
