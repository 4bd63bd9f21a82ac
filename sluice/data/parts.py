"""The parts of the event log: Parquet files, one folder a day, and which keys each holds."""

import errno
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from sluice.data.frames import in_order
from sluice.data.journal import Cut
from sluice.data.keyed_rows import Hashes, KeyedRows
from sluice.data.parquet import read_bytes, table_bytes
from sluice.data.part import part_name, verified_bytes, write_part
from sluice.data.part_keys import (
    FOLDER,
    PartKeys,
    key_columns,
    keys_of,
    read_keys,
    write_keys,
)
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables

DAY_OF = {"exposures": "ts", "feedback": "ts", "items": "valid_from"}
"""Column whose UTC date names a row's folder."""
WRITE_ORDER = ("items", "feedback", "exposures")
DAY = "day="
_LEFT_BEHIND_SECONDS = 3600
ROWS_KEPT = 2_000_000
"""Of what requests showed, read from parts for live feedback: kept in memory at the most."""


@dataclass(frozen=True)
class PlannedPart:
    """A part that is not written yet."""

    table: str
    day: date
    rows: pl.DataFrame
    content: bytes

    @property
    def name(self) -> str:
        """Path below the log's root."""
        return f"{self.table}/{DAY}{self.day}/{part_name(self.content)}"


def plan_parts(tables: LogTables) -> list[PlannedPart]:
    """The parts that hold these rows: one a table and day, in the order to write them."""
    planned = []
    for table in WRITE_ORDER:
        for day, rows in by_day(table, getattr(tables, table)).items():
            ordered = in_order(table, rows)
            planned.append(PlannedPart(table, day, ordered, table_bytes(table, ordered)))
    return planned


def by_day(table: str, rows: pl.DataFrame) -> dict[date, pl.DataFrame]:
    """The rows of each day, in their order."""
    dated = rows.with_columns(pl.col(DAY_OF[table]).dt.date().alias(DAY))
    days = dated.partition_by(DAY, as_dict=True, include_key=False, maintain_order=True)
    return {day: days[day,] for (day,) in sorted(days)}


def day_of(path: Path) -> date:
    return date.fromisoformat(path.parent.name.removeprefix(DAY))


class Parts:
    """The files below a log's root."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._keys: dict[Path, PartKeys] = {}
        self._shown: OrderedDict[Path, KeyedRows] = OrderedDict()
        self._turn = threading.Lock()

    def name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def path(self, name: str) -> Path:
        return self._root / name

    def listed(self, cut: Cut) -> dict[str, list[Path]]:
        """Table -> its parts by day; within a day those of live rows last, as they came."""
        order = cut.order or {}

        def rank(path: Path) -> tuple[str, int, str]:
            return path.parent.name, order.get(self.name(path), 0), path.name

        listed = {}
        for table in TABLES:
            paths = (self._root / table).glob(f"{DAY}*/*.parquet")
            there = (path for path in paths if self.name(path) not in cut.hidden)
            listed[table] = sorted(there, key=rank)
        return listed

    def write(self, planned: PlannedPart) -> None:
        path = self._root / planned.table / f"{DAY}{planned.day}"
        written = write_part(path, planned.content)
        self._remember(written, keys_of(planned.table, planned.rows))

    def delete(self, names: Iterable[str]) -> None:
        for name in names:
            path = self.path(name)
            path.unlink(missing_ok=True)
            self._keys_path(path).unlink(missing_ok=True)
            with self._turn:
                self._keys.pop(path, None)
                self._shown.pop(path, None)

    def keys(self, path: Path) -> PartKeys:
        """Which keys the part holds, read from beside it or, where that is missing, from itself.

        Raises:
            IntegrityError: the part is truncated or changed; names the file.
        """
        keys = self._keys.get(path) or read_keys(self._keys_path(path))
        if keys is None:
            table = path.parent.parent.name
            return self._remember(path, keys_of(table, read_part(path, key_columns(table))))
        self._keys[path] = keys
        return keys

    def shown(self, path: Path, wanted: Hashes, columns: list[str]) -> pl.DataFrame:
        """What requests with one of these hashes showed, by a part that is kept in memory."""
        with self._turn:
            rows = self._shown.pop(path, None)
            if rows is None:
                rows = KeyedRows.of("exposures", read_part(path, columns))
            self._shown[path] = rows
            while len(self._shown) > 1 and self._rows_kept() > ROWS_KEPT:
                self._shown.popitem(last=False)
        return rows.matching(wanted)

    def retain(self, paths: Iterable[Path]) -> None:
        """Forget what is kept in memory of all other parts."""
        there = set(paths)
        with self._turn:
            for path in (set(self._keys) | set(self._shown)) - there:
                self._keys.pop(path, None)
                self._shown.pop(path, None)

    def _rows_kept(self) -> int:
        return sum(rows.frame.height for rows in self._shown.values())

    def _remember(self, path: Path, keys: PartKeys) -> PartKeys:
        self._keys[path] = keys
        try:
            write_keys(self._keys_path(path), keys)
        except OSError as error:
            # Whoever may only read the log works them out each time.
            if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
                raise
        return keys

    def _keys_path(self, path: Path) -> Path:
        return self._root / FOLDER / path.parent.parent.name / f"{path.stem}.keys"


def read_part(path: Path, columns: list[str] | None = None) -> pl.DataFrame:
    """The rows of one part.

    Raises:
        IntegrityError: truncated or changed; names the file.
        FileNotFoundError: it was merged into another one since it was listed.
    """
    return read_bytes(verified_bytes(path), path, columns)


def sweep(root: Path) -> None:
    """Delete what a killed write left half done; only for whoever holds the log's lock."""
    for torn in root.glob("*/*/.*.parquet.*"):
        with suppress(FileNotFoundError):
            torn.unlink()
    # Whoever writes keys holds no lock, so that only what is old is certainly left behind.
    for torn in root.glob(f"{FOLDER}/*/.new.*"):
        with suppress(FileNotFoundError):
            if time.time() - torn.stat().st_mtime > _LEFT_BEHIND_SECONDS:
                torn.unlink()
