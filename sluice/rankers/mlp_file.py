"""Quantile tables and networks of a fitted `mlp` in one file, and the shapes they must have."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from sluice.data.files import Files
from sluice.errors import IntegrityError
from sluice.rankers.array_file import read_arrays, write_arrays
from sluice.rankers.network import Network
from sluice.rankers.quantiles import POINTS, Quantiles

MODEL = "network.npz"
_WEIGHTS = ("first_w", "first_b", "second_w", "second_b", "last_w", "last_b")
_TYPES = {
    "knots": "float64", "values": "float64", "many": "int64", "flagged": "int64",
    **dict.fromkeys(_WEIGHTS, "float32"),
}  # fmt: skip


def write_networks(directory: Path, tables: Quantiles, networks: Sequence[Network]) -> None:
    stacked = {
        name: np.stack([network.weights[nth] for network in networks])
        for nth, name in enumerate(_WEIGHTS)
    }
    tabled = {name: getattr(tables, name) for name in _TYPES if name not in _WEIGHTS}
    write_arrays(directory / MODEL, {**tabled, **stacked})


def read_networks(
    files: Files, columns: int, hidden: tuple[int, int], seeds: int
) -> tuple[Quantiles, tuple[Network, ...]]:
    """Read what `write_networks` wrote.

    Raises:
        IntegrityError: it is missing or damaged, or does not fit `columns`, `hidden` or `seeds`:
            the kernel, which trusts its arrays, never sees it.
    """
    arrays = read_arrays(files, MODEL, _TYPES)
    tables = Quantiles(arrays["knots"], arrays["values"], arrays["many"], arrays["flagged"])
    path = files.path(MODEL)
    _check_tables(tables, columns, path)
    first, second = hidden
    shapes = (
        (tables.width, first), (first,), (first, second), (second,), (second, 1), (1,)
    )  # fmt: skip
    for name, shape in zip(_WEIGHTS, shapes, strict=True):
        if arrays[name].shape != (seeds, *shape):
            raise IntegrityError(
                f"{path}: {name} is {arrays[name].shape}, expected {(seeds, *shape)}"
            )
    networks = tuple(
        Network(tuple(np.ascontiguousarray(arrays[name][nth]) for name in _WEIGHTS))
        for nth in range(seeds)
    )
    return tables, networks


def _check_tables(tables: Quantiles, columns: int, path: str) -> None:
    shape = (columns, POINTS)
    if not (
        tables.knots.shape == tables.values.shape == shape
        and tables.many.shape == (columns,)
        and tables.flagged.ndim == 1
    ):
        raise IntegrityError(f"{path}: its tables are not of {columns} columns")
    many, flagged = tables.many, tables.flagged
    if ((many < 0) | (many > POINTS)).any():
        raise IntegrityError(
            f"{path}: a table has more knots than {POINTS}, or fewer than 0"
        )
    if ((flagged < 0) | (flagged >= columns)).any() or (np.diff(flagged) <= 0).any():
        raise IntegrityError(f"{path}: flags features that are not among {columns}")
    used = np.arange(1, POINTS) < many[:, None]
    if (used & (np.diff(tables.knots, axis=1) <= 0)).any():
        raise IntegrityError(f"{path}: knots do not ascend")
