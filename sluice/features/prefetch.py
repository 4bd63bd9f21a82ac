"""Rows asked of memory before they are needed; nothing that is computed changes.

A large state lies in no cache, and waiting for its rows was a third of the fold. Which rows come next
is known: those of the next request, and those of the events that leave a window next.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from sluice.features.compiled import inlined
from sluice.features.memory import home, pair_key
from sluice.features.rows import (
    ABSENT,
    BASE,
    CATEGORY_CELL,
    FIRST,
    ITEM,
    PROVIDER,
    PROVIDER_CELL,
    ROOM,
    SECOND,
    STRIDE,
    USER,
)

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


@inlined
def expect_items(words, tables, items) -> None:  # noqa: ANN001 - plain arrays
    """Ask for what is known of a request's candidates."""
    base, stride = tables[0, BASE], tables[0, STRIDE]
    for nth in range(len(items)):
        fetch(words, base + (items[nth] + 1) * stride)


@inlined
def expect_pairs(words, cells, tables, items, user) -> None:  # noqa: ANN001 - plain arrays
    """Ask for the rows of the person with a request's candidates, their providers and categories."""
    facts, step = tables[0, BASE], tables[0, STRIDE]
    for nth in range(len(tables)):
        table = tables[nth]
        base, stride, room, second = table[BASE], table[STRIDE], table[ROOM], table[SECOND]
        if table[FIRST] != USER or second == ABSENT:
            continue
        for row in range(len(items)):
            code = items[row]
            if second != ITEM:
                cell = PROVIDER_CELL if second == PROVIDER else CATEGORY_CELL
                code = cells[2 * (facts + (items[row] + 1) * step) + cell] - 1
            fetch(words, home(base, stride, room, pair_key(user, code)))
