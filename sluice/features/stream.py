"""Values written to memory past the caches, for what is not read again soon.

A cache line that is written the usual way is read first and pushes another out. The matrix of a
replay is larger than every cache, and the fold writes each of its lines once, from end to end.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from sluice.features.compiled import inlined


def _put(_typing: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001 - Numba asks by name
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        held = context.make_array(signature.args[0])(context, builder, arguments[0])
        # Processors know it for whole numbers, so the value goes by its bits.
        number = ir.IntType(32)
        place = builder.gep(held.data, [arguments[1]])
        place = builder.bitcast(place, number.as_pointer())
        store = builder.store(builder.bitcast(arguments[2], number), place, align=4)
        once = builder.module.add_metadata([ir.Constant(number, 1)])
        store.set_metadata("nontemporal", once)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.float32), generate


_stream: Any = intrinsic(_put)


@inlined
def stream_rows(values, columns, size, out) -> None:  # noqa: ANN001 - plain arrays
    """Write columns, [columns, size], as rows of a contiguous array, [size, columns]."""
    flat, at = out.reshape(-1), 0
    for row in range(size):
        for column in range(columns):
            _stream(flat, at, values[column, row])
            at += 1
