"""How torch's threads wait for each other."""

from __future__ import annotations

import os


def share_cores() -> None:
    """Let torch's threads wait for each other by spinning for a tenth of a millisecond, not for several.

    Beside another program on the same cores they would else spin for threads that do not run: two encodes with
    elastictok-mini on two cores took more than ten times as long as one. libgomp reads it when torch is loaded, so a
    program that imports torch before it loads a model here sets GOMP_SPINCOUNT=3000 itself.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "3000")
