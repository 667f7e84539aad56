"""The loops that must run at C speed, in numba: range coder, grammar, motion, transform, intra.

With NUMBA_DISABLE_JIT=1 the very same functions run as plain Python: that is the oracle of the tests.
Whatever decides a token or a byte on disk is integer arithmetic on integers; float results that reach a decoded
pixel are computed without fastmath, so they do not depend on the machine.
"""
