"""The matrix product of numpy's own BLAS, for compiled code.

numba calls the BLAS that scipy brings, which is an older OpenBLAS in the wheels of both: by numpy's a training step of
256 pairs is 4 % faster. Only the name that those wheels use is looked for, and what it computes is checked; elsewhere the
address is 0, and numba's way is as good.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from threadpoolctl import ThreadpoolController

NAME = "scipy_cblas_sgemm64_"  # 64-bit sizes
ROW_MAJOR, AS_IT_IS, TURNED = 101, 111, 112
_KINDS = "iiilllfplplfpl"  # of the arguments: enumerations, sizes, numbers, pointers
_C = {"i": ctypes.c_int32, "l": ctypes.c_int64, "f": ctypes.c_float, "p": ctypes.c_void_p}


@cache
def sgemm_address() -> int:
    """Where cblas_sgemm of numpy's OpenBLAS is, or 0."""
    for library in ThreadpoolController().select(internal_api="openblas").lib_controllers:
        found = getattr(ctypes.CDLL(library.filepath), NAME, None)
        if found is not None and _is_product(found):
            return ctypes.cast(found, ctypes.c_void_p).value or 0
    return 0


def _is_product(found: Any) -> bool:
    found.argtypes, found.restype = [_C[kind] for kind in _KINDS], None
    a, b = np.arange(6, dtype=np.float32).reshape(3, 2), np.arange(12, dtype=np.float32).reshape(3, 4)
    out = np.full((2, 4), np.nan, dtype=np.float32)
    found(ROW_MAJOR, TURNED, AS_IT_IS, 2, 4, 3, 1.0, a.ctypes.data, 2, b.ctypes.data, 4, 0.0, out.ctypes.data, 4)
    return bool(np.array_equal(out, a.T @ b))


def _typed_sgemm(typing_context: Any, address: Any, turned: Any, a: Any, b: Any, out: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = {"i": ir.IntType(32), "l": ir.IntType(64), "f": ir.FloatType(), "p": ir.IntType(8).as_pointer()}
        matrices = [context.make_array(kind)(context, builder, value)
                    for kind, value in zip(signature.args[2:], arguments[2:], strict=True)]
        (rows, inner), (_, columns) = ([builder.extract_value(matrix.shape, side) for side in (0, 1)] for matrix in matrices[:2])
        across = builder.icmp_signed("==", arguments[1], kinds["l"](TURNED))
        m, k = builder.select(across, inner, rows), builder.select(across, rows, inner)
        at = [builder.bitcast(matrix.data, kinds["p"]) for matrix in matrices]
        function = builder.inttoptr(arguments[0], ir.FunctionType(ir.VoidType(), [kinds[kind] for kind in _KINDS]).as_pointer())
        builder.call(function, [
            kinds["i"](ROW_MAJOR), builder.trunc(arguments[1], kinds["i"]), kinds["i"](AS_IT_IS), m, columns, k,
            kinds["f"](1.0), at[0], inner, at[1], columns, kinds["f"](0.0), at[2], columns])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, a, b, out), generate


# sgemm(address, AS_IT_IS or TURNED, a, b, out): out = a @ b or a.T @ b, of whole float32 matrices in rows
sgemm: Any = intrinsic(_typed_sgemm)
