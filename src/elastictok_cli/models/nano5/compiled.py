"""How nano's functions are compiled.

`kernel` is for those that Python calls; `inner` for those that only compiled code calls: without a wrapper for Python
they compile in half the time. With NUMBA_DISABLE_JIT=1 both leave a function as it is.
"""

from __future__ import annotations

import numba

kernel = numba.njit(cache=True, nogil=True)
inner = numba.njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)
