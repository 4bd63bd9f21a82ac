"""What Numba has no words for, said to LLVM: natural indices, prefetches, streamed stores, word reads."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from sluice.features.engine.compiled import inlined

WORD = 8
"""Bytes that `word_at` reads."""
AHEAD = 16
"""Rows of a loop between a `fetch` and the need: what memory takes a few at a time to bring."""
_BOUND = 1 << 48
"""Beyond what any array here can hold."""
_READ, _KEEP, _DATA = 0, 3, 1
"""Arguments of LLVM's prefetch: for reading, into every cache, of data."""


def _assume_natural(_typing: Any, index: Any) -> Any:  # noqa: ARG001 - Numba asks by name
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        signature = ir.FunctionType(ir.VoidType(), [ir.IntType(1)])
        assume = builder.module.declare_intrinsic("llvm.assume", (), signature)
        # A bound above, so that what is added to it is seen to stay positive.
        bound = ir.Constant(arguments[0].type, _BOUND)
        builder.call(assume, [builder.icmp_unsigned("<", arguments[0], bound)])
        return arguments[0]

    return types.intp(types.intp), generate


natural: Any = intrinsic(_assume_natural)
"""The index itself, which LLVM may take to be non-negative. A negative one is not caught.

Numba lets -1 be the last of an array, and checks every index that it cannot tell to be positive: a
tenth of the fold's time. It can tell of an index that counts up from 0, and of no other.
"""


def _prefetch(_typing: Any, array: Any, index: Any) -> Any:  # noqa: ARG001 - Numba asks by name
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        byte, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        declared = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        prefetch = builder.module.declare_intrinsic("llvm.prefetch", [byte], declared)
        place = builder.bitcast(builder.gep(values.data, [arguments[1]]), byte)
        hints = [ir.Constant(number, hint) for hint in (_READ, _KEEP, _DATA)]
        builder.call(prefetch, [place, *hints])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


fetch: Any = intrinsic(_prefetch)
"""Ask for the cache line of an array's value, given its index, without waiting for it."""


def _load_word(_typing: Any, text: Any, index: Any) -> Any:  # noqa: ARG001 - Numba asks by name
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        word = ir.IntType(8 * WORD).as_pointer()
        place = builder.bitcast(builder.gep(values.data, [arguments[1]]), word)
        return builder.load(place, align=1)

    return types.uint64(text, types.intp), generate


word_at: Any = intrinsic(_load_word)
"""The eight bytes of a uint8 array that begin at an index, as one number; all have to be there."""


def _store_past_caches(_typing: Any, array: Any, index: Any, value: Any) -> Any:  # noqa: ARG001 - Numba asks by name
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        values = context.make_array(signature.args[0])(context, builder, arguments[0])
        # Processors know it for whole numbers, so the value goes by its bits.
        number = ir.IntType(32)
        place = builder.gep(values.data, [arguments[1]])
        place = builder.bitcast(place, number.as_pointer())
        store = builder.store(builder.bitcast(arguments[2], number), place, align=4)
        once = builder.module.add_metadata([ir.Constant(number, 1)])
        store.set_metadata("nontemporal", once)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.float32), generate


_stream: Any = intrinsic(_store_past_caches)


@inlined
def stream_rows(values, columns, size, out) -> None:  # noqa: ANN001 - plain arrays
    """Write columns, [columns, size], as rows of a contiguous array, [size, columns].

    They go past the caches: the matrix of a replay is larger than every cache, and the fold writes
    each of its lines once, from end to end.
    """
    flat, at = out.reshape(-1), 0
    for row in range(size):
        for column in range(columns):
            _stream(flat, at, values[column, row])
            at += 1
