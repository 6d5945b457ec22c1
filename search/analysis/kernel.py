"""The one place that names numba: how a function over bytes and integers becomes machine code.

Kernels are compiled on their first call and kept on disk beside their source (or in NUMBA_CACHE_DIR), so only
the first run on a machine pays for it. They release the interpreter lock.
"""

from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from numba import njit

P = ParamSpec("P")
R = TypeVar("R")


def kernel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function`; unsigned integer arithmetic wraps, as the specifications of the hashes ask for."""
    return cast("Callable[P, R]", njit(cache=True, nogil=True, boundscheck=False)(function))


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile `function` as a step of other kernels."""
    return cast("Callable[P, R]", njit(cache=True, nogil=True, inline="always")(function))
