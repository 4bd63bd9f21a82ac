"""The event log: three tables as Parquet, one folder a day, each part named by its digest.

```
<root>/exposures/day=2026-01-05/3f9c0a….parquet     by the request's day (UTC)
<root>/feedback/day=2026-01-05/…                    by the day it happened
<root>/items/day=2026-01-05/…                       by the day it became valid
<root>/quarantine/<table>/…                         rows set aside, with their reason
```

Ingesting is idempotent: rows that are there already are skipped and counted, so that a killed
ingest is simply run again.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from sluice.data.frames import conform, empty_frame, in_order
from sluice.data.known_rows import compare_rows, without_repeats
from sluice.data.parquet import read_bytes, table_bytes
from sluice.data.part import verified_bytes, write_part
from sluice.data.quarantine import set_aside, sift
from sluice.data.row_rules import Faults, find_faults, refuse
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables, Window
from sluice.errors import TooLittleData

DAY_OF = {"exposures": "ts", "feedback": "ts", "items": "valid_from"}
"""Column whose UTC date names a row's folder."""
WRITE_ORDER = ("items", "feedback", "exposures")
"""Exposures last: a reader in between, or after a kill, never sees one without its feedback."""
_DAY = "day="
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Appended:
    """What one ingest did."""

    exposures: int
    feedback: int
    items: int
    """Rows written, by table."""
    skipped: int
    """Rows that were in the log already, or twice in the batch, alike in every column."""
    quarantined: dict[str, int]
    """Rule -> rows set aside."""


@dataclass(frozen=True)
class EventLog:
    """The log under one folder."""

    root: Path

    def append(
        self, tables: LogTables, *, quarantine: bool = False, at: datetime | None = None
    ) -> Appended:
        """Check the rows and add those that are not there yet.

        Args:
            tables: from an adapter or the generated feed.
            quarantine: set bad rows aside instead of refusing the batch.
            at: the ingest's time, after which an event lies in the future; now where not given.

        Raises:
            SchemaError: a table has not the declared columns and types.
            BadRows: rows broke a rule, or say otherwise than the log does, and `quarantine` is
                off; nothing was written.
        """
        batch = LogTables(**{name: conform(name, getattr(tables, name)) for name in TABLES})
        with self._locked():
            fresh, faults = self._judge(batch, at or datetime.now(UTC))
            if not quarantine:
                refuse(faults.counts, f"event log {self.root}")
            sifted = sift(fresh, faults)
            set_aside(sifted, self.root)
            for table in WRITE_ORDER:
                self._write(table, getattr(sifted.good, table))
        return Appended(
            exposures=sifted.good.exposures.height,
            feedback=sifted.good.feedback.height,
            items=sifted.good.items.height,
            skipped=sum(
                getattr(batch, table).height - getattr(fresh, table).height
                for table in TABLES
            ),
            quarantined=sifted.counts,
        )

    def window(self) -> Window:
        """The exposures' span, rounded out to whole hours.

        Raises:
            TooLittleData: the log holds no exposure.
        """
        days = sorted({_day(path) for path in self._parts("exposures")})
        if not days:
            raise TooLittleData(
                f"event log {self.root} holds no exposure; ingest some first"
            )
        first = self._load("exposures", days[0], days[0])["ts"].min()
        last = self._load("exposures", days[-1], days[-1])["ts"].max()
        assert isinstance(first, datetime)  # noqa: S101 - narrows polars' wide return type
        assert isinstance(last, datetime)  # noqa: S101
        return Window(_whole_hour(first), _whole_hour(last) + _HOUR)

    def read(self, window: Window) -> LogTables:
        """Exposures shown in the window, all else known by its end; see `LogTables.between`.

        Raises:
            IntegrityError: a part is truncated or changed; names the file.
        """
        last = window.end.astimezone(UTC).date()
        return LogTables(
            exposures=self._load("exposures", window.start.astimezone(UTC).date(), last),
            feedback=self._load("feedback", date.min, last),
            items=self._load("items", date.min, last),
        ).between(window)

    def surfaces(self) -> tuple[str, ...]:
        """The surfaces that exposures were shown on, sorted."""
        found = [
            _read(path, ["surface"])["surface"].unique()
            for path in self._parts("exposures")
        ]
        return tuple(sorted({name for names in found for name in names}))

    def requests(self, before: datetime) -> pl.DataFrame:
        """`request_id` and `surface` of every request that was answered before a time."""
        columns = ["request_id", "surface", "ts"]
        parts = [
            _read(path, columns).filter(pl.col("ts") < pl.lit(before)).unique("request_id")
            for path in self._parts("exposures")
            if _day(path) <= before.astimezone(UTC).date()
        ]
        return pl.concat([empty_frame("exposures").select(columns), *parts]).drop("ts")

    def _judge(self, batch: LogTables, at: datetime) -> tuple[LogTables, Faults]:
        """The rows that are not in the log yet, and what is wrong with them."""
        unique = LogTables(batch.exposures, without_repeats(batch.feedback), batch.items)
        known = {
            "exposures": self._exposures_of(unique),
            "feedback": self._same_days("feedback", unique.feedback),
            "items": self._same_days("items", unique.items),
        }
        fresh, conflicts = {}, {}
        for table, rows in known.items():
            frame = getattr(unique, table)
            compared = compare_rows(table, frame, rows)
            fresh[table] = frame.filter(~compared.same)
            conflicts[table] = compared.conflict.filter(~compared.same)
        tables = LogTables(**fresh)
        faults = find_faults(tables, at, earlier=known["exposures"])
        for table, conflict in conflicts.items():
            faults = faults.with_mask(table, f"{table}.conflict", conflict)
        return tables, faults

    def _exposures_of(self, batch: LogTables) -> pl.DataFrame:
        """Logged exposures of every request that the batch shows or answers.

        Looks through all days: a request id that comes back on another day is a conflict.
        """
        wanted = pl.concat([batch.exposures["request_id"], batch.feedback["request_id"]])
        requests = wanted.unique().to_frame()
        found = [
            _read(path).join(requests, on="request_id", how="semi")
            for path in self._parts("exposures")
        ]
        return pl.concat([empty_frame("exposures"), *found], how="diagonal")

    def _same_days(self, table: str, batch: pl.DataFrame) -> pl.DataFrame:
        days = set(batch[DAY_OF[table]].dt.date())
        found = [_read(path) for path in self._parts(table) if _day(path) in days]
        return pl.concat([empty_frame(table), *found])

    def _load(self, table: str, first: date, last: date) -> pl.DataFrame:
        """Rows of the days from `first` to `last`, both included, in canonical order."""
        paths = [path for path in self._parts(table) if first <= _day(path) <= last]
        parts = [empty_frame(table), *(_read(path) for path in paths)]
        rows = conform(table, pl.concat(parts, how="diagonal"))
        one_part_a_day = len({path.parent for path in paths}) == len(paths)
        return rows if one_part_a_day else in_order(table, rows)

    def _parts(self, table: str) -> list[Path]:
        return sorted((self.root / table).glob(f"{_DAY}*/*.parquet"))

    def _write(self, table: str, rows: pl.DataFrame) -> None:
        dated = in_order(table, rows).with_columns(
            pl.col(DAY_OF[table]).dt.date().alias(_DAY)
        )
        days = dated.partition_by(
            _DAY, as_dict=True, include_key=False, maintain_order=True
        )
        for (day,), part in days.items():
            write_part(self.root / table / f"{_DAY}{day}", table_bytes(table, part))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One ingest at a time; the lock falls with its process, however that ends."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            for torn in self.root.glob("*/*/.*.parquet.*"):
                torn.unlink()
            yield


def _read(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    return read_bytes(verified_bytes(path), path, columns)


def _day(path: Path) -> date:
    return date.fromisoformat(path.parent.name.removeprefix(_DAY))


def _whole_hour(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
