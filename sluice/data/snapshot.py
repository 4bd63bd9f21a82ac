"""Snapshots: an immutable window of the log in a folder named by its content.

The digest covers the manifest: the window, the surface and every file's digest. The same rows in
the same window give the same digest, whatever the batches they were ingested in.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from sluice.data.atomic import folder_atomically
from sluice.data.digest import file_digest, json_digest
from sluice.data.event_log import EventLog
from sluice.data.parquet import read_bytes, table_bytes
from sluice.data.schema import TABLES
from sluice.data.tables import LogTables, Window
from sluice.errors import IntegrityError, NotFound, TooLittleData

MANIFEST = "manifest.json"
_FORMAT = 1
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Snapshot:
    """A window of the log that no longer changes."""

    digest: str
    """SHA-256, hex; also the folder's name."""
    folder: Path
    window: Window
    surface: str | None
    """The one surface it was taken of; None for all."""
    counts: dict[str, int]
    """Table -> rows."""
    files: dict[str, str]
    """Table -> digest of its file."""

    def read(self) -> LogTables:
        """The three tables.

        Raises:
            IntegrityError: a file was changed or deleted since the snapshot was taken; what changed
                is not parsed.
        """
        return LogTables(**{table: self._table(table) for table in TABLES})

    def _table(self, table: str) -> pl.DataFrame:
        path = _file(self.folder, table)
        try:
            content = path.read_bytes()
        except FileNotFoundError as error:
            raise IntegrityError(
                f"{path}: was deleted since the snapshot was opened"
            ) from error
        _compare(path, hashlib.sha256(content).hexdigest(), self.files[table])
        return read_bytes(content, path)


def take(log: EventLog, window: Window, into: Path, surface: str | None = None) -> Snapshot:
    """Freeze a window of the log under `into`; taking it again changes nothing.

    With a surface, exposures of the others are left out and so is the feedback on them; feedback
    outside any request stays.

    Raises:
        TooLittleData: no exposure in the window (on that surface); lists the surfaces there are.
        IntegrityError: a part of the log, or an earlier snapshot of the same digest, was changed.
    """
    tables = _of_surface(log, log.read(window), window, surface)
    if tables.exposures.is_empty():
        raise TooLittleData(
            f"no exposure on {surface or 'any surface'} from {window.start} to {window.end} in "
            f"{log.root}; its surfaces: {', '.join(log.surfaces()) or 'none'}"
        )
    contents = {table: table_bytes(table, getattr(tables, table)) for table in TABLES}
    manifest = _manifest(tables, contents, window, surface)
    digest = json_digest(manifest)
    folder = into / digest
    if not folder.exists():
        with folder_atomically(folder) as building:
            for table, content in contents.items():
                _file(building, table).write_bytes(content)
            (building / MANIFEST).write_text(json.dumps(manifest, indent=2, sort_keys=True))
    return open_snapshot(into, digest)


def open_snapshot(into: Path, digest: str) -> Snapshot:
    """Open a snapshot after every file was found to be what the digest says.

    Raises:
        NotFound: no such snapshot; lists those there are.
        IntegrityError: a file is missing, extra or changed; names it.
    """
    folder = into / digest
    if _DIGEST.fullmatch(digest) is None or not folder.is_dir():
        there = sorted(path.name for path in into.glob("*") if _DIGEST.fullmatch(path.name))
        raise NotFound(
            f"no snapshot {digest!r} in {into}; there: {', '.join(there) or 'none'}"
        )
    manifest = _read_manifest(folder / MANIFEST, digest)
    snapshot = Snapshot(
        digest=digest,
        folder=folder,
        window=Window(
            *(datetime.fromisoformat(manifest["window"][end]) for end in ("start", "end"))
        ),
        surface=manifest["surface"],
        counts=manifest["counts"],
        files=manifest["files"],
    )
    _verify(snapshot)
    return snapshot


def _of_surface(
    log: EventLog, tables: LogTables, window: Window, surface: str | None
) -> LogTables:
    if surface is None:
        return tables
    others = log.requests(window.end).filter(pl.col("surface") != surface)
    return LogTables(
        exposures=tables.exposures.filter(pl.col("surface") == surface),
        feedback=tables.feedback.join(
            others, on="request_id", how="anti", maintain_order="left"
        ),
        items=tables.items,
    )


def _manifest(
    tables: LogTables, contents: dict[str, bytes], window: Window, surface: str | None
) -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "window": {
            "start": window.start.astimezone(UTC).isoformat(),
            "end": window.end.astimezone(UTC).isoformat(),
        },
        "surface": surface,
        "counts": {table: getattr(tables, table).height for table in TABLES},
        "files": {
            table: hashlib.sha256(content).hexdigest()
            for table, content in contents.items()
        },
    }


def _read_manifest(path: Path, digest: str) -> dict[str, Any]:
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise IntegrityError(f"{path}: no readable manifest: {error}") from error
    _compare(path, json_digest(manifest), digest)
    return manifest


def _verify(snapshot: Snapshot) -> None:
    expected = {MANIFEST, *(_file(snapshot.folder, table).name for table in TABLES)}
    names = {path.name for path in snapshot.folder.iterdir()}
    if names != expected:
        raise IntegrityError(
            f"{snapshot.folder}: files {sorted(names)}, expected {sorted(expected)}"
        )
    for table, digest in snapshot.files.items():
        path = _file(snapshot.folder, table)
        _compare(path, file_digest(path), digest)


def _compare(path: Path, figures: str, expected: str) -> None:
    if figures != expected:
        raise IntegrityError(
            f"{path}: digest {figures}, expected {expected}; it was changed. "
            "Remove the snapshot's folder and take it again."
        )


def _file(folder: Path, table: str) -> Path:
    return folder / f"{table}.parquet"
