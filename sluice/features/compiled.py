"""How the kernel's functions are compiled.

Without reference counting (`_nrt`): every function borrows its arrays from the state, none makes
one, and counting the references of the dozens of arrays in a state costs more than the work on them.
Numba refuses, at compile time, an allocation in such a function.
"""

from typing import Any

from numba import njit

_OPTIONS: dict[str, Any] = {
    "cache": True, "nogil": True, "error_model": "numpy", "_nrt": False,
}  # fmt: skip
compiled = njit(**_OPTIONS)
