"""The goal of an encode: a threshold (MSE on [-1, 1]), a PSNR or a token count per block, or a size of the file."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import UsageError
from ..metrics import mse_of_psnr
from ..units import bytes_of

DEFAULT_THRESHOLD = 0.007
# Between black and white. A target that is no quality has this threshold: all blocks meet it.
MSE_MOST = 4.0


@dataclass(frozen=True)
class Target:
    """What every block, or the file, must reach.

    kind: "mse", "psnr", "tokens", "size" or "bpp". value: as the user gave it. limit: the MSE that a block must meet;
    for a size, that of the current pass. measured: blocks are reconstructed and their error is reported.

    Made by `threshold`, `psnr`, `fixed`, `size` and `bpp`, which check the value and raise UsageError with a hint.
    """

    kind: str
    value: float
    limit: float
    measured: bool = True

    @classmethod
    def of(
        cls,
        *,
        threshold: float | None = None,
        psnr: float | None = None,
        tokens: int | None = None,
        target_size: float | str | None = None,
        target_bpp: float | None = None,
        measure: bool = True,
    ) -> Target:
        """The one goal that is given; the default threshold if none is.

        target_size: in bytes, or with a unit ("1.5MB"). measure: False for a fixed number of tokens whose error nobody
        needs to know. Raises UsageError for two goals, and for values that cannot be meant.
        """
        goals = {
            "threshold": threshold,
            "psnr": psnr,
            "tokens": tokens,
            "target_size": target_size,
            "target_bpp": target_bpp,
        }
        given = [name for name, value in goals.items() if value is not None]
        if len(given) > 1:
            raise UsageError(f"`{given[0]}` and `{given[1]}` exclude each other; use one of them")
        if not measure and tokens is None:
            raise UsageError("`measure` is for a fixed number of `tokens`; any other goal is met by measuring")
        if psnr is not None:
            return cls.psnr(psnr)
        if tokens is not None:
            if tokens < 1:
                raise UsageError(f"`tokens` {tokens}: must be 1 or more; a block without tokens shows next to nothing")
            return cls.fixed(tokens, measure)
        if target_bpp is not None:
            return cls.bpp(target_bpp)
        if target_size is not None:
            return cls.size(target_size)
        return cls.threshold() if threshold is None else cls.threshold(threshold)

    @classmethod
    def threshold(cls, mse: float = DEFAULT_THRESHOLD) -> Target:
        """Mean squared error of pixels on [-1, 1]: 0.007 is 27.6 dB."""
        if not math.isfinite(mse) or mse <= 0:
            raise UsageError(f"`threshold` {mse:g} is not a mean squared error; it must be above 0 (try 0.007)")
        if mse >= 1:
            what = f"did you mean `psnr` {mse:g}?" if 10 <= mse <= 100 else "it is at most 1 (0.007 is usual)"
            raise UsageError(f"`threshold` {mse:g} is not a mean squared error; {what}")
        return cls("mse", mse, mse)

    @classmethod
    def psnr(cls, db: float) -> Target:
        """PSNR in dB over a block's RGB values."""
        if not math.isfinite(db) or not 6.1 <= db <= 100:
            what = f"did you mean `threshold` {db:g}?" if 0 < db < 1 else "it must be between 6.1 and 100"
            raise UsageError(f"`psnr` {db:g} is not a PSNR in dB; {what}")
        return cls("psnr", db, mse_of_psnr(db))

    @classmethod
    def fixed(cls, tokens: int, measured: bool = True) -> Target:
        """The best that at most this many tokens per block (of each tile, where frames are tiled) can do.

        Not `measured`, nothing is reconstructed: half the work of a model without a ladder, and no error is known.
        """
        if tokens < 0:
            raise UsageError(f"`tokens` {tokens}: a block cannot have fewer than 0 tokens")
        return cls("tokens", tokens, MSE_MOST, measured)

    @classmethod
    def size(cls, size: float | str) -> Target:
        """The best that a file of at most this size can do. size: in bytes, or with a unit ("1.5MB", "800kB")."""
        try:
            count = float(bytes_of(size) if isinstance(size, str) else size)
        except ValueError:
            raise UsageError(f"`target_size` {size}: not a size; write 1.5MB, 800kB or 1500000") from None
        if not math.isfinite(count) or count < 1:
            raise UsageError(f"`target_size` {count:g}: not a size in bytes; it must be 1 or more (1.5MB, 800kB)")
        return cls("size", count, DEFAULT_THRESHOLD)

    @classmethod
    def bpp(cls, bits: float) -> Target:
        """The best that this many bits per coded pixel can do; sound is not counted."""
        if not math.isfinite(bits) or not 0 < bits <= 24:
            raise UsageError(f"`target_bpp` {bits:g}: not bits per pixel; 0.01 to 1 is usual")
        return cls("bpp", bits, DEFAULT_THRESHOLD)

    @property
    def is_size(self) -> bool:
        """A goal of the whole file: see `size.encode_to_size`."""
        return self.kind in ("size", "bpp")

    @property
    def tokens(self) -> int | None:
        """The fixed number of tokens; None for a quality."""
        return int(self.value) if self.kind == "tokens" else None
