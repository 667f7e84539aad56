"""Which square of a plane a compiled function works on."""

from __future__ import annotations

from typing import NamedTuple

from ....jit import Integer


class Square(NamedTuple):
    """The size x size pixels at (y, x) of a plane."""

    plane: Integer
    y: Integer
    x: Integer
    size: Integer
