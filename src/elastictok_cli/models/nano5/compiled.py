"""How nano's functions are compiled.

`kernel` is for those that Python calls or that make arrays. `inner` is for those that only compiled code calls: they
have no wrapper for Python, which halves the time of compiling, and do not count references to the arrays they are
given, which took three quarters of the time of encoding; so they cannot make arrays. With NUMBA_DISABLE_JIT=1 both
leave a function as it is.
"""

from __future__ import annotations

import numba

kernel = numba.njit(cache=True, nogil=True)
inner = numba.njit(cache=True, nogil=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
