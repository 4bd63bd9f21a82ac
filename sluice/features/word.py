"""Eight bytes of a text, read as one number wherever they begin."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

WORD = 8
"""Bytes."""


def _read(_typing: Any, text: Any, index: Any) -> Any:  # noqa: ARG001 - Numba asks by name
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, arguments[0])
        word = ir.IntType(8 * WORD).as_pointer()
        place = builder.bitcast(builder.gep(held.data, [arguments[1]]), word)
        return builder.load(place, align=1)

    return types.uint64(text, types.intp), generate


word_at: Any = intrinsic(_read)
"""The eight bytes of a uint8 array that begin at an index; all of them have to be there."""
