"""A feature state on disk: `state.json`, `ids.json` and `state.npz`, none of which can hold code.

The same state gives the same bytes, so that a release can be named by its digest.
"""

import io
import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from sluice.data.digest import bytes_digest, file_digest
from sluice.data.files import Files
from sluice.errors import IntegrityError
from sluice.features.declaration.layout import CATEGORY_CELL, ITEMS, PROVIDER_CELL, UNKNOWN
from sluice.features.engine.alike_sums import Alike, empty_alike, row_length, with_room_for
from sluice.features.engine.counters import (
    BORN,
    GROUPS,
    VECTOR,
    Facts,
    Known,
    People,
    Queue,
    Vectors,
    nothing_believed,
)
from sluice.features.engine.hash_table import packed, table_rows, taken
from sluice.features.state.event_queue import clock_of, packed_queue

if TYPE_CHECKING:
    from sluice.features.state.feature_state import FeatureState

FORMAT = 5
FILES = ("ids.json", "state.json", "state.npz")

_PARTS = {
    "people": People._fields,
    "queue": ("at", "codes", "answers", "first", "applied", "expired"),
    "facts": Facts._fields,
    "vectors": ("values", "of_item"),
}
"""What is written of each part, in this order: of queue and vectors all but the room they have left."""
_PER_USER = ("ring", "clicked", "clicked_at", "seen_at")
_PER_ITEM = ("followed", "followed_at", "of_item")


def save(state: "FeatureState", folder: Path) -> None:
    """Write the three files into an existing folder; `state.json` names the others' digests."""
    (folder / "ids.json").write_bytes(orjson.dumps(state.ids.ids))
    np.savez_compressed(folder / "state.npz", allow_pickle=False, **_arrays(state))
    meta = {
        "format": FORMAT,
        "spec": state.spec.model_dump(mode="json"),
        "context": list(state.context),
        "names": list(state.names),
        "digests": {name: file_digest(folder / name) for name in ("ids.json", "state.npz")},
    }
    (folder / "state.json").write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")


def _arrays(state: "FeatureState") -> dict[str, NDArray]:
    counted, rows = state.known, state.plan.rows
    arrays: dict[str, NDArray] = {}
    for table, key in enumerate(rows.keys):
        name = f"table.{key}"
        if not rows.pairs[table]:
            arrays[name] = table_rows(counted.memory, table)[: _codes(state, key)]
        else:
            # Sorted and without the free rows: the table's layout depends on how it grew.
            held = taken(counted.memory, table)
            arrays[name] = held[np.argsort(held[:, 0], kind="stable")]
    packed_parts = _without_room(counted)
    for title, names in _PARTS.items():
        for name in names:
            column = packed_parts[title][name]
            length = len(state.ids.users) if name in _PER_USER else len(column)
            length = len(state.ids.items) if name in _PER_ITEM else length
            arrays[f"{title}.{name}"] = column[:length]
    if state.plan.program.alike:
        arrays |= _alike_arrays(state)
    return arrays


def _alike_arrays(state: "FeatureState") -> dict[str, NDArray]:
    """The vectors with their date, and the sums in their space."""
    alike = state.known.alike
    return {
        "alike.since": np.array([alike.since], np.int64),
        "alike.vectors": alike.vectors[: len(state.ids.users)],
        "alike.sums": alike.sums[: len(state.ids.items)],
    }


def _without_room(state: Known) -> dict[str, dict[str, NDArray]]:
    """The columns of each part; a queue's `first` says where the last kind's events end too."""
    queue, vectors = packed_queue(state.queue, state.queue.first.tolist()), state.vectors
    return {
        "people": state.people._asdict(),
        "queue": queue._asdict() | {"first": queue.bounds},
        "facts": state.facts._asdict(),
        "vectors": {
            "values": vectors.values[: int(vectors.used[0])], "of_item": vectors.of_item,
        },
    }  # fmt: skip


def _codes(state: "FeatureState", key: str) -> int:
    """How many rows of a dense table are in use."""
    many = {
        "item": "items",
        "user": "users",
        "provider": "providers",
        "category": "categories",
    }
    return len(getattr(state.ids, many[key])) if key in many else 1


def read(
    files: Files,
) -> tuple[dict[str, Any], dict[str, NDArray], dict[str, list[str | None]]]:
    """Meta, arrays and ids as `save` wrote them.

    Raises:
        IntegrityError: a file is missing, of another format or damaged.
    """
    if missing := [name for name in FILES if name not in files.contents]:
        raise IntegrityError(f"feature state {files.source}: no {', '.join(missing)}")
    try:
        meta = _meta(files)
        ids = orjson.loads(files.read("ids.json"))
        packed_arrays = io.BytesIO(files.read("state.npz"))
        with np.load(packed_arrays, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise IntegrityError(f"feature state {files.source}: damaged: {error}") from error
    return meta, arrays, ids


def _meta(files: Files) -> dict[str, Any]:
    meta = json.loads(files.read("state.json"))
    if meta.get("format") != FORMAT:
        raise IntegrityError(
            f"feature state {files.source}: format {meta.get('format')}, this version reads {FORMAT}; "
            "fit again, or read it with the version that wrote it"
        )
    for name, expected in meta["digests"].items():
        actual = bytes_digest(files.read(name))
        if actual != expected:
            raise IntegrityError(
                f"feature state {files.source}: {name} is damaged: digest {actual}, expected {expected}"
            )
    return meta


def restore(state: "FeatureState", arrays: dict[str, NDArray]) -> None:
    """Put saved arrays into an empty state."""
    try:
        _restore(state, arrays)
    except (KeyError, TypeError) as error:
        raise IntegrityError(f"feature state: array missing: {error}") from error


def _restore(state: "FeatureState", arrays: dict[str, NDArray]) -> None:
    rows = state.plan.rows
    parts = {
        title: {name: arrays[f"{title}.{name}"] for name in names}
        for title, names in _PARTS.items()
    }
    bounds = parts["queue"].pop("first")
    ends = {"bounds": bounds, "first": bounds[:-1].copy(), "end": bounds[1:].copy()}
    kept = [arrays[f"table.{key}"] for key in rows.keys]
    arrays_of_state = Known(
        memory=packed(rows, kept),
        people=People(**parts["people"]),
        queue=Queue(**parts["queue"], **ends),
        facts=Facts(**parts["facts"]),
        vectors=Vectors(
            **parts["vectors"], used=np.array([len(parts["vectors"]["values"])])
        ),
        believed_at=nothing_believed(len(parts["vectors"]["of_item"])),
        alike=_alike(state, arrays),
    )
    _date_beliefs(arrays_of_state)
    state.known = arrays_of_state


def _alike(state: "FeatureState", arrays: dict[str, NDArray]) -> Alike:
    """Vectors and sums of the people and items that the state names, or the kernel would read past them."""
    dimensions = state.plan.program.alike
    empty = empty_alike(dimensions)
    if not dimensions:
        return empty
    items, users = len(state.ids.items), len(state.ids.users)
    wanted = {
        "alike.since": ((1,), np.int64),
        "alike.vectors": ((users, dimensions), np.int16),
        "alike.sums": ((items, row_length(dimensions)), np.int32),
    }
    for name, (shape, kind) in wanted.items():
        array = arrays[name]
        if array.shape != shape or array.dtype != kind:
            raise IntegrityError(
                f"feature state: {name} is {array.shape} {array.dtype}, expected {shape}"
            )
    since, vectors, sums = (arrays[name] for name in wanted)
    return with_room_for(Alike(int(since[0]), vectors, sums), items, users)


def _date_beliefs(state: Known) -> None:
    """Hold what a saved state believes of items to be as new as its clock, for it does not say."""
    items, clock = len(state.believed_at), clock_of(state.queue)
    table = table_rows(state.memory, ITEMS)[:items]
    cells = table.view(np.int32)
    groups = (cells[:, PROVIDER_CELL] > 0) | (cells[:, CATEGORY_CELL] > 0)
    vector = state.vectors.of_item != UNKNOWN
    # Without either, the time of publication is that of the first exposure.
    born = (table[:, 0] != 0) & (groups | vector)
    for belief, held in ((GROUPS, groups), (BORN, born), (VECTOR, vector)):
        state.believed_at[held, belief] = clock
