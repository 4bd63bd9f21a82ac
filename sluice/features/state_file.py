"""A feature state on disk: `state.json`, `ids.json` and `state.npz`, none of which can hold code.

The same state gives the same bytes, so that a release can be named by its digest.
"""

import json
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from sluice.errors import IntegrityError
from sluice.features.counters import EMPTY, Facts, PairTable, Queue
from sluice.features.pairs import with_room

if TYPE_CHECKING:
    from sluice.features.state import FeatureState

FORMAT = 1
FILES = ("ids.json", "state.json", "state.npz")

_TABLES = ("seen", "tastes")
_PER_ITEM = ("counts", "decayed", "touched", "born", "provider", "category", "followed")
_PER_USER = ("ring", "clicked")


def save(state: "FeatureState", folder: Path) -> None:
    """Write the three files into an existing folder."""
    meta = {
        "format": FORMAT,
        "spec": state.spec.model_dump(mode="json"),
        "context": list(state.context),
        "names": list(state.names),
    }
    ids = {
        "items": state.items.ids,
        "users": state.users.ids,
        "providers": state.providers.ids,
        "categories": state.categories.ids,
    }
    (folder / "state.json").write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")
    (folder / "ids.json").write_bytes(orjson.dumps(ids))
    np.savez_compressed(folder / "state.npz", allow_pickle=False, **_arrays(state))


def _arrays(state: "FeatureState") -> dict[str, NDArray]:
    counters = state.counters
    arrays: dict[str, NDArray] = {"totals": counters.totals}
    arrays |= {name: getattr(counters, name)[: len(state.items)] for name in _PER_ITEM}
    arrays |= {name: getattr(counters, name)[: len(state.users)] for name in _PER_USER}
    for title in _TABLES:
        table: PairTable = getattr(counters, title)
        # Sorted and without the free slots: the table's layout depends on how it grew.
        keys = table.slots[:, 0]
        order = np.argsort(keys, kind="stable")
        arrays[title] = table.slots[order[keys[order] != EMPTY]]
    arrays |= {f"facts.{name}": column for name, column in state.facts._asdict().items()}
    for title, queue in (("exposures", state.exposures), ("clicks", state.clicks)):
        arrays |= {f"{title}.{name}": column for name, column in queue._asdict().items()}
    return arrays


def read(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray], dict[str, list[str]]]:
    """Meta, arrays and ids as `save` wrote them.

    Raises:
        IntegrityError: a file is missing, of another format or damaged.
    """
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise IntegrityError(f"feature state {folder}: no {', '.join(missing)}")
    try:
        meta = json.loads((folder / "state.json").read_text())
        ids = orjson.loads((folder / "ids.json").read_bytes())
        # Opened here: NumPy leaves its own handle open where the archive is no archive.
        with (
            (folder / "state.npz").open("rb") as file,
            np.load(file, allow_pickle=False) as archive,
        ):
            arrays = {name: archive[name] for name in archive.files}
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        raise IntegrityError(f"feature state {folder}: damaged: {error}") from error
    if meta.get("format") != FORMAT:
        raise IntegrityError(
            f"feature state {folder}: format {meta.get('format')}, expected {FORMAT}"
        )
    return meta, arrays, ids


def restore(state: "FeatureState", arrays: dict[str, NDArray]) -> None:
    """Put saved arrays into an empty state."""
    try:
        _restore(state, arrays)
    except (KeyError, TypeError) as error:
        raise IntegrityError(f"feature state: array missing: {error}") from error


def _restore(state: "FeatureState", arrays: dict[str, NDArray]) -> None:
    fields = {name: arrays[name] for name in (*_PER_ITEM, *_PER_USER, "totals")}
    tables = {title: _unpacked(title, arrays) for title in _TABLES}
    state.counters = state.counters._replace(**fields, **tables)
    state.facts = Facts(**_fields("facts", Facts, arrays))
    state.exposures = Queue(**_fields("exposures", Queue, arrays))
    state.clicks = Queue(**_fields("clicks", Queue, arrays))


def _unpacked(title: str, arrays: dict[str, NDArray]) -> PairTable:
    packed = PairTable(arrays[title], np.array([len(arrays[title])]))
    # More room than the packed keys have makes `with_room` put each where it is found.
    return with_room(packed, 8)


def _fields(title: str, kind: type, arrays: dict[str, NDArray]) -> dict[str, NDArray]:
    return {name: arrays[f"{title}.{name}"] for name in kind._fields}
