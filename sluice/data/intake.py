"""Live rows against the rules and the log, each judged by itself.

A row that the log holds already is repeated; one that breaks a rule or contradicts the log, or an
earlier row of its batch, is refused; the rest is fresh.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from sluice.data.batch import RefusedRow
from sluice.data.frames import context_columns
from sluice.data.keyed_rows import row_hashes
from sluice.data.known_rows import KEYS, compare_rows
from sluice.data.limits import MAX_CANDIDATES
from sluice.data.lookup import SHOWN, Known
from sluice.data.refusals import refused_row
from sluice.data.row_rules import (
    REQUEST_COLUMNS,
    REQUEST_FACTS,
    at_time,
    exposure_rules,
    feedback_rules,
    item_rules,
    with_request,
)
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables

_SOUND = ""


@dataclass(frozen=True)
class Judged:
    """What of a batch is to be taken."""

    fresh: LogTables
    surfaces: pl.Series
    """Of the fresh feedback; null where it answers no request."""
    repeated: int
    refused: tuple[RefusedRow, ...]

    @property
    def accepted(self) -> int:
        return sum(getattr(self.fresh, table).height for table in TABLES)


def judge(batch: LogTables, stored: Known, at: datetime) -> Judged:
    """Judge each row of a batch.

    Args:
        batch: conformed tables.
        stored: what the log knows of its rows.
        at: now.
    """
    exposures = _judge_exposures(batch.exposures, stored.rows.exposures, at)
    shown = pl.concat(
        [
            stored.shown,
            stored.rows.exposures[SHOWN],
            exposures.fresh()[SHOWN],
        ]
    )
    feedback = _Verdicts("feedback", batch.feedback, stored.rows.feedback)
    if batch.feedback.height:
        answers = with_request(batch.feedback, shown[list(REQUEST_COLUMNS)])
        feedback.apply(at_time(answers, at), first_fault("feedback", ()))
    items = _Verdicts("items", batch.items, stored.rows.items)
    if batch.items.height:
        items.apply(at_time(batch.items, at), first_fault("items", ()))
    for verdicts in (feedback, items):
        verdicts.refuse_doubles()
    tables = (exposures, feedback, items)
    fresh = LogTables(exposures.fresh(), feedback.fresh(), items.fresh())
    return Judged(
        fresh=fresh,
        surfaces=_surfaces(fresh.feedback, shown),
        repeated=sum(verdicts.repeated() for verdicts in tables),
        refused=tuple(row for verdicts in tables for row in verdicts.refused()),
    )


def _judge_exposures(
    frame: pl.DataFrame, stored: pl.DataFrame, at: datetime
) -> "_Verdicts":
    verdicts = _Verdicts("exposures", frame, stored)
    if frame.is_empty():
        return verdicts
    context = tuple(context_columns(frame))
    verdicts.apply(at_time(frame, at), first_fault("exposures", context))
    verdicts.refuse(_contradicts_request(frame, stored, verdicts.open()))
    verdicts.refuse_doubles()
    verdicts.refuse(_beyond_limit(frame, stored, verdicts.open()))
    return verdicts


@cache
def first_fault(table: str, context: tuple[str, ...]) -> pl.Expr:
    """The name of the first rule that a row breaks by itself; empty for a sound row."""
    rules = {
        "exposures": lambda: exposure_rules(pl.DataFrame({name: [] for name in context})),
        "feedback": feedback_rules,
        "items": item_rules,
    }[table]()
    broken = [pl.when(rule.broken).then(pl.lit(rule.name)) for rule in rules]
    return pl.coalesce(broken).fill_null(_SOUND)


class _Verdicts:
    """A table's rows: whether each is known, and by which rule it is refused."""

    def __init__(self, table: str, frame: pl.DataFrame, stored: pl.DataFrame) -> None:
        self._table, self._frame = table, frame
        compared = compare_rows(table, frame, stored, may_grow=True)
        self._same = compared.same.to_numpy().copy()
        self._conflict = compared.conflict.to_numpy()
        self._codes = np.full(frame.height, _SOUND, object)

    def open(self) -> NDArray[np.bool_]:
        """Rows that nothing was said of yet."""
        return ~self._same & (self._codes == _SOUND)

    def apply(self, frame: pl.DataFrame, fault: pl.Expr) -> None:
        """The first rule that a row breaks refuses it; else what contradicts the log is."""
        codes = frame.select(fault).to_series()
        refused = self.open() & (codes != _SOUND).to_numpy()
        self._codes[refused] = codes.filter(pl.Series(refused)).to_list()
        self._codes[self.open() & self._conflict] = f"{self._table}.conflict"

    def refuse(self, rows: Iterable[tuple[str, NDArray[np.bool_]]]) -> None:
        for code, broken in rows:
            self._codes[self.open() & broken] = code

    def refuse_doubles(self) -> None:
        """Of several rows of one key the first stands; the others repeat or contradict it."""
        # Where no two hashes are alike no two keys are.
        if (
            self._frame.height < 2
            or np.unique(row_hashes(self._table, self._frame)).size == self._frame.height
        ):
            return
        rows = self._frame.with_row_index("row").filter(pl.Series(self.open()))
        first = rows.unique(KEYS[self._table], keep="first", maintain_order=True)
        if first.height == rows.height:
            return
        others = rows.join(first, on="row", how="anti", maintain_order="left")
        compared = compare_rows(self._table, others.drop("row"), first.drop("row"))
        self._same[others["row"].filter(compared.same).to_numpy()] = True
        contradicting = others["row"].filter(compared.conflict).to_numpy()
        self._codes[contradicting] = f"{self._table}.conflict"

    def fresh(self) -> pl.DataFrame:
        if self.open().all():
            return self._frame
        return self._frame.filter(pl.Series(self.open(), dtype=pl.Boolean))

    def repeated(self) -> int:
        return int(self._same.sum())

    def refused(self) -> Iterable[RefusedRow]:
        for row in np.flatnonzero(~self._same & (self._codes != _SOUND)):
            yield refused_row(self._table, int(row), self._codes[row])


def _contradicts_request(
    frame: pl.DataFrame, stored: pl.DataFrame, is_open: NDArray[np.bool_]
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Rows that say otherwise of their request than the log, or its first row at hand."""
    facts = ["request_id", *REQUEST_FACTS]
    if stored.is_empty() and _says_one_thing(frame[facts]):
        return []
    sources = [stored[facts], frame.filter(pl.Series(is_open))[facts]]
    requests = pl.concat(sources).unique("request_id", keep="first", maintain_order=True)
    joined = frame.select(facts).join(
        requests, on="request_id", how="left", maintain_order="left", suffix="_request"
    )
    return [
        (
            f"exposures.request.several_{name}",
            joined.select(pl.col(name).ne_missing(pl.col(f"{name}_request")))
            .to_series()
            .to_numpy(),
        )
        for name in REQUEST_FACTS
    ]


def _says_one_thing(facts: pl.DataFrame) -> bool:
    """Whether no two rows of a request differ; much the cheaper question."""
    return facts.n_unique() == facts["request_id"].n_unique()


def _beyond_limit(
    frame: pl.DataFrame, stored: pl.DataFrame, is_open: NDArray[np.bool_]
) -> list[tuple[str, NDArray[np.bool_]]]:
    """Rows that would make their request larger than a request may be."""
    if stored.height + frame.height <= MAX_CANDIDATES:
        return []
    held = stored.group_by("request_id").agg(pl.len().alias("held"))
    counted = frame.select("request_id", is_open=pl.Series(is_open)).join(
        held, on="request_id", how="left", maintain_order="left"
    )
    place = pl.col("held").fill_null(0) + pl.col("is_open").cum_sum().over("request_id")
    beyond = counted.select(place > MAX_CANDIDATES).to_series().to_numpy()
    return [("exposures.request.too_large", beyond)]


def _surfaces(feedback: pl.DataFrame, shown: pl.DataFrame) -> pl.Series:
    if feedback.is_empty():
        return pl.Series("surface", [], pl.String())
    requests = shown[["request_id", "surface"]].unique("request_id")
    return feedback.join(requests, on="request_id", how="left", maintain_order="left")[
        "surface"
    ]
