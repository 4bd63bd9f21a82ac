"""The stored rows of a shadow: hourly Parquet of one process each, and its counts beside them.

```
<home>/shadow/<surface>/<release>/20260112T09-4711-1f0c….1.parquet    one row a request
<home>/shadow/<surface>/<release>/4711-1f0c….json                     where all its offers are
```

No row names a person. What was not written yet is lost with a killed process: a shadow is a sample.
"""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from sluice.data.atomic import write_atomically
from sluice.data.parquet import frame_bytes
from sluice.serving.shadow_difference import TOP, Difference

SCHEMA = pl.Schema(
    {
        "request_id": pl.String(),
        "ts": pl.Int64(),
        "answered_by": pl.String(),
        "candidates": pl.Int32(),
        **{f"overlap@{k}": pl.Float32() for k in TOP},
        "rbo": pl.Float32(),
        "max_shift": pl.Int32(),
        "k": pl.List(pl.Int16()),
        "entered": pl.List(pl.Boolean()),
        "item_id": pl.List(pl.String()),
        "provider": pl.List(pl.String()),
        "category": pl.List(pl.String()),
        "age": pl.List(pl.String()),
    }
)
"""One row a request; the lists have one entry for each item that entered or left a top k."""
MOVES = ("k", "entered", "item_id", "provider", "category", "age")
_CHUNK = 50
"""Rows that become a frame at once: longer, and the answering thread would wait for it."""
_PART_ROWS = 5_000
SUFFIX = ".parquet"


@dataclass(frozen=True)
class ShadowCounts:
    """Where all requests ever offered are: offered = stored + dropped + failed + waiting."""

    offered: int = 0
    stored: int = 0
    dropped: int = 0
    """There was no room in the queue, or on the disk."""
    failed: int = 0
    """The shadow could not score them, or was killed with them in hand."""

    @property
    def waiting(self) -> int:
        """Queued, or scored and not yet written."""
        return self.offered - self.stored - self.dropped - self.failed

    def __add__(self, other: "ShadowCounts") -> "ShadowCounts":
        return ShadowCounts(
            self.offered + other.offered,
            self.stored + other.stored,
            self.dropped + other.dropped,
            self.failed + other.failed,
        )


@dataclass(frozen=True, slots=True)
class ShadowRow:
    """One request with what the shadow would have shown instead."""

    request_id: str
    ts: int
    """µs since the epoch."""
    answered_by: str
    """Digest of the release that answered."""
    candidates: int
    difference: Difference

    def values(self) -> tuple[object, ...]:
        """In the order of `SCHEMA`."""
        difference, moves = self.difference, self.difference.moves
        return (
            self.request_id, self.ts, self.answered_by, self.candidates,
            *difference.overlaps, difference.rbo, difference.max_shift,
            *([getattr(move, name) for move in moves] for name in MOVES),
        )  # fmt: skip


def shadow_folder(home: Path, surface: str, release: str) -> Path:
    """Where the rows of a shadow of the surface lie."""
    return home / "shadow" / surface / release


class ShadowFiles:
    """Writes rows of one process; not thread-safe."""

    def __init__(self, folder: Path, process: str, max_bytes: int) -> None:
        """Nothing is made before the first `write`.

        Args:
            folder: of the shadow.
            process: name of whoever writes, no other's.
            max_bytes: over all files of the folder; beyond it the oldest go.
        """
        self._folder, self._process, self._max_bytes = folder, process, max_bytes
        self._hour, self._part = "", 0
        self._rows: list[ShadowRow] = []
        self._frames: list[pl.DataFrame] = []

    def add(self, row: ShadowRow) -> None:
        """Keep a row until the next `write`."""
        self._rows.append(row)
        if len(self._rows) >= _CHUNK:
            self._pack()

    def write(self, counts: ShadowCounts, at: datetime) -> None:
        """Write what was added since the last time, and the counts.

        A part that an hour's end or its size has closed is not written again.

        Raises:
            OSError: there is no room; nothing that was added is forgotten.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        self._pack()
        hour = f"{at.astimezone(UTC):%Y%m%dT%H}"
        self._hour = self._hour or hour
        self._write_part()
        if hour != self._hour or self._height() >= _PART_ROWS:
            self._frames, self._hour, self._part = [], hour, self._part + 1
        write_counts(self._folder, self._process, counts)
        self._keep_within()

    def _pack(self) -> None:
        if not self._rows:
            return
        columns = zip(*(row.values() for row in self._rows), strict=True)
        names = zip(SCHEMA, columns, strict=True)
        data = {name: list(values) for name, values in names}
        self._frames.append(pl.DataFrame(data, schema=SCHEMA))
        self._rows.clear()

    def _height(self) -> int:
        return sum(frame.height for frame in self._frames)

    def _write_part(self) -> None:
        if not self._frames:
            return
        name = f"{self._hour}-{self._process}.{self._part}{SUFFIX}"
        write_atomically(self._folder / name, frame_bytes(pl.concat(self._frames)))

    def _keep_within(self) -> None:
        files = sorted(self._folder.glob(f"*{SUFFIX}"))
        sizes = [(path, path.stat().st_size) for path in files if path.exists()]
        excess = sum(size for _, size in sizes) - self._max_bytes
        for path, size in sizes:
            if excess <= 0:
                return
            path.unlink(missing_ok=True)
            excess -= size


def read_rows(folder: Path) -> pl.DataFrame:
    """All rows of a folder, by time; none where there is no folder."""
    frames = [pl.read_parquet(path) for path in sorted(folder.glob(f"*{SUFFIX}"))]
    return pl.concat(frames).sort("ts") if frames else pl.DataFrame(schema=SCHEMA)


def write_counts(folder: Path, process: str, counts: ShadowCounts) -> None:
    """Keep what one process counted, in place of what it said before."""
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / f"{process}.json", json.dumps(asdict(counts)).encode())


def read_counts(folder: Path, process: str = "*") -> ShadowCounts:
    """The counts of one process, or of all that there were, as each last wrote them."""
    paths = sorted(folder.glob(f"{process}.json"))
    tallies = [ShadowCounts(**json.loads(path.read_bytes())) for path in paths]
    return sum(tallies, start=ShadowCounts())
