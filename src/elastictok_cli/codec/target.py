"""What a block must reach: a threshold (MSE on [-1, 1]), a PSNR, or a fixed number of tokens; or what the file
must: a size."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import UsageError
from ..metrics import mse_of_psnr

DEFAULT_THRESHOLD = 0.007
# Between black and white. A target that is no quality has this threshold: all blocks meet it.
MSE_MOST = 4.0


@dataclass(frozen=True)
class Target:
    """kind: "mse", "psnr", "tokens", "size" or "bpp". value: as the user gave it. limit: the MSE that a block must
    meet; for a size, of the pass at hand. measured: blocks are reconstructed and their error is told.

    Made by `threshold`, `psnr`, `fixed`, `size` and `bpp`, which check the value and raise UsageError with a hint.
    """

    kind: str
    value: float
    limit: float
    measured: bool = True

    @classmethod
    def threshold(cls, mse: float = DEFAULT_THRESHOLD) -> Target:
        """Mean squared error of pixels on [-1, 1]: 0.007 is 27.6 dB."""
        if not math.isfinite(mse) or mse <= 0:
            raise UsageError(f"--threshold {mse:g} is no mean squared error to reach; it must be above 0 (try 0.007)")
        if mse >= 1:
            what = f"did you mean --psnr {mse:g}?" if 10 <= mse <= 100 else "it is at most 1 (0.007 is usual)"
            raise UsageError(f"--threshold {mse:g} is no mean squared error; {what}")
        return cls("mse", mse, mse)

    @classmethod
    def psnr(cls, db: float) -> Target:
        """PSNR in dB over a block's RGB values."""
        if not math.isfinite(db) or not 6.1 <= db <= 100:
            what = f"did you mean --threshold {db:g}?" if 0 < db < 1 else "it must be between 6.1 and 100"
            raise UsageError(f"--psnr {db:g} is no PSNR in dB; {what}")
        return cls("psnr", db, mse_of_psnr(db))

    @classmethod
    def fixed(cls, tokens: int, measured: bool = True) -> Target:
        """The best that at most this many tokens per block (of each tile, where frames are tiled) can do.

        Not `measured`, nothing is reconstructed: half the work of a model without a ladder, and no error is known.
        """
        if tokens < 0:
            raise UsageError(f"--tokens {tokens}: a block cannot have fewer than 0 tokens")
        return cls("tokens", tokens, MSE_MOST, measured)

    @classmethod
    def size(cls, count: float) -> Target:
        """The best that a file of at most this many bytes can do."""
        if not math.isfinite(count) or count < 1:
            raise UsageError(f"--target-size {count:g}: no size in bytes; it must be 1 or more (1.5MB, 800kB)")
        return cls("size", float(count), DEFAULT_THRESHOLD)

    @classmethod
    def bpp(cls, bits: float) -> Target:
        """The best that this many bits per coded pixel can do; sound is not counted."""
        if not math.isfinite(bits) or not 0 < bits <= 24:
            raise UsageError(f"--target-bpp {bits:g}: no bits per pixel; usual are 0.01 to 1")
        return cls("bpp", bits, DEFAULT_THRESHOLD)

    @property
    def is_size(self) -> bool:
        """A goal of the whole file: see `size.encode_to_size`."""
        return self.kind in ("size", "bpp")

    @property
    def tokens(self) -> int | None:
        """The fixed number of tokens; None for a quality."""
        return int(self.value) if self.kind == "tokens" else None
