"""How the kernel's functions are compiled, and when what was compiled before may be used again.

Without reference counting (`_nrt`): every function borrows its arrays from the state, none makes
one, and counting the references of the dozens of arrays in a state costs more than the work on them.
Numba refuses, at compile time, an allocation in such a function.
"""

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {
    "cache": True, "nogil": True, "error_model": "numpy", "_nrt": False,
}  # fmt: skip
_PACKAGE = Path(__file__).parents[1]
_SOURCES = sha256(
    b"\0".join(path.read_bytes() for path in sorted(_PACKAGE.rglob("*.py")))
).hexdigest()


def compiled(function: Callable[..., Any]) -> Any:
    """The function, compiled once for all processes as long as no file of `sluice.features` changes.

    Numba asks only whether the function's own file changed. A kernel holds its neighbours' code and
    constants too: with another layout of rows it would read wrong words, or search for ever.
    """
    return _compiled(function, _OPTIONS)


def inlined(function: Callable[..., Any]) -> Any:
    """As `compiled`, and written out wherever another kernel calls it.

    An array is passed as seven words and a state as hundreds, on the stack: what runs for each
    request, and is called from one place, would spend a third of its time on its arguments.
    """
    return _compiled(function, {**_OPTIONS, "inline": "always"})


def _compiled(function: Callable[..., Any], options: dict[str, Any]) -> Any:
    dispatcher: Any = njit(**options)(function)
    dispatcher._cache._cache_file._source_stamp = _SOURCES  # noqa: SLF001 - Numba has no other way to say so
    return dispatcher
