"""An index that is never negative, said to the compiler.

Numba lets -1 be the last of an array, and asks about every index it cannot tell to be positive before
it uses it: a tenth of the fold's time. It can tell of an index that counts up from 0, and of no other.
"""

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

_BOUND = 1 << 48
"""Beyond what any array here can hold."""


def _sure(_typing: Any, index: Any) -> Any:  # noqa: ARG001 - Numba asks by name
    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        told = ir.FunctionType(ir.VoidType(), [ir.IntType(1)])
        assume = builder.module.declare_intrinsic("llvm.assume", (), told)
        # A bound above, so that what is added to it is seen to stay positive.
        bound = ir.Constant(arguments[0].type, _BOUND)
        builder.call(assume, [builder.icmp_unsigned("<", arguments[0], bound)])
        return arguments[0]

    return types.intp(types.intp), generate


natural: Any = intrinsic(_sure)
"""The index itself. Like one past the end, a negative one is not caught."""
