"""Arrays of a fitted ranker in one `.npz`: numbers alone, nothing packed, no code."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sluice.data.atomic import write_atomically
from sluice.data.files import Files
from sluice.errors import IntegrityError

_Arrays = Mapping[str, NDArray[Any]]


def write_arrays(path: Path, arrays: _Arrays) -> None:
    """The same arrays in the same order give the same bytes."""
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, **arrays)
    write_atomically(path, content.getvalue())


def read_arrays(files: Files, name: str, expected: Mapping[str, str]) -> _Arrays:
    """Read what `write_arrays` wrote.

    Args:
        files: of the ranker.
        name: of the file among them.
        expected: type of each array, by name; there are no others.

    Raises:
        IntegrityError: the file is missing, damaged or packed, or an array is missing, of another
            type or not finite.
    """
    content, path = files.read(name), files.path(name)
    try:
        # Nothing packed: then no few bytes become many, and a file of this size is all there is.
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            packed = any(member.compress_type for member in archive.infolist())
        if packed:
            raise IntegrityError(f"{path}: not a ranker's arrays: they are packed")
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            arrays = {key: stored[key] for key in stored.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise IntegrityError(f"{path}: not a ranker's arrays: {error}") from error
    types = {key: str(array.dtype) for key, array in arrays.items()}
    if types != dict(expected):
        raise IntegrityError(f"{path}: holds {types}, expected {dict(expected)}")
    if unfit := [key for key, array in arrays.items() if not np.isfinite(array).all()]:
        raise IntegrityError(f"{path}: {', '.join(unfit)} is not finite")
    return arrays
