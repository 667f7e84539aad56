"""Types that every room of the package may use: frames and tokens."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Frames = npt.NDArray[np.uint8]  # (T, height, width, 3), RGB


class Tokens(Protocol):
    """The tokens of one block, or of one tile of it, in order of importance.

    values: uint16 (count,) for integer vocabularies, int8 (count, channels) for quantised latents.
    step: index into the model's quantiser ladder, 0 if the model has none. frames: frames of the block.
    """

    @property
    def step(self) -> int: ...

    @property
    def frames(self) -> int: ...

    @property
    def count(self) -> int: ...

    @property
    def values(self) -> npt.NDArray[Any]: ...

    def crc(self, before: int = 0) -> int:
        """CRC-32 over everything that the decoder needs of the tokens, continued from `before`."""
        ...
