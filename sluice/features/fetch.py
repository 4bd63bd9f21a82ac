"""A cache line asked of memory before it is needed."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_READ, _KEEP, _DATA = 0, 3, 1
"""What LLVM's prefetch is told: for reading, into every cache, of data."""


def _ask(_typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001 - Numba asks by name
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        told = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], told)
        place = builder.bitcast(builder.gep(held.data, [arguments[1]]), byte)
        hints = [ir.Constant(number, each) for each in (_READ, _KEEP, _DATA)]
        builder.call(prefetch, [place, *hints])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


fetch: Any = intrinsic(_ask)
"""Ask for the cache line of an array's value, given its index, without waiting for it."""

AHEAD = 16
"""Rows of a loop between the asking and the need: what memory takes a few at a time to bring."""
