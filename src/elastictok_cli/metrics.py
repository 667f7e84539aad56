"""The difference between two pictures, on the one scale that the whole program uses.

The error of a block and the threshold are mean squared errors of pixels on [-1, 1] (arXiv 2410.08368, Figure 4).
0.007 on this scale is 27.57 dB, 0.00175 on [0, 1] and 113.8 on 0..255.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]

HALF_RANGE = 127.5  # uint8 to [-1, 1] is u / 127.5 - 1


def squared_error(decoded: Pixels, source: Pixels) -> int:
    """Exact sum of squared differences of two uint8 arrays. Raises ValueError if the shapes differ."""
    if decoded.shape != source.shape:
        raise ValueError(f"frames of shape {decoded.shape} against {source.shape}")
    if decoded.dtype != np.uint8 or source.dtype != np.uint8:
        raise ValueError(f"pixels must be uint8, not {decoded.dtype} and {source.dtype}")
    total = 0
    for a, b in zip(_parts(decoded), _parts(source), strict=True):
        difference = np.subtract(a, b, dtype=np.int16)
        # A square of up to 65025 wraps in int16 and is correct again in uint16: half the memory traffic of int32.
        np.multiply(difference, difference, out=difference)
        total += _sum(difference.view(np.uint16))
    return total


def _parts(pixels: Pixels) -> Pixels:
    """The pixels as (parts, rows, numbers): a frame at a time stays in the processor's cache."""
    shape = pixels.shape
    return pixels.reshape(shape[0] if len(shape) > 3 else 1, -1, math.prod(shape[-2:]) or 1)


def _sum(squares: npt.NDArray[np.uint16]) -> int:
    """Exact sum of (rows, numbers): rows in 32 bits where they fit, which is twice as fast as in 64."""
    fits = squares.shape[-1] <= 66000
    return int(squares.sum(-1, dtype=np.uint32 if fits else np.uint64).sum(dtype=np.uint64))


def block_mse(decoded: Pixels, source: Pixels) -> float:
    """Mean squared error of one block with pixels on [-1, 1].

    decoded, source: uint8 of the same shape, usually (T, H, W, 3), without padding. The sum is an integer, so the
    result is the same on every machine. Raises ValueError if the shapes differ or are empty.
    """
    if source.size == 0:
        raise ValueError("no pixels to compare")
    return squared_error(decoded, source) / (source.size * HALF_RANGE * HALF_RANGE)


def contrast(frames: Pixels) -> float:
    """Mean variance of the pixels around the mean of their frame and channel, on [-1, 1].

    This is the error of a block that shows only the mean. frames: uint8 (T, H, W, C). The sums are integers, as in
    `block_mse`.
    """
    pixels = frames.shape[1] * frames.shape[2]
    spread = 0
    for frame in frames:
        squares = _sum(np.square(frame, dtype=np.uint16).reshape(len(frame), -1))  # 255 squared fits
        sums = frame.sum(0, dtype=np.uint32).sum(0, dtype=np.int64)
        spread += pixels * squares - sum(int(s) ** 2 for s in sums)
    return float(spread / (pixels * frames.size * HALF_RANGE * HALF_RANGE))


def psnr_db(mse: float) -> float:
    """PSNR in dB of an MSE on [-1, 1]: infinite for 0, NaN for NaN."""
    return math.inf if mse <= 0 else 10 * math.log10(4 / mse)


def quality_text(mse: float, digits: int = 2) -> str:
    """Format an MSE as PSNR: "lossless" for 0, "not measured" for NaN."""
    if math.isnan(mse):
        return "not measured"
    return "lossless" if mse == 0 else f"{psnr_db(mse):.{digits}f} dB"


def mse_of_psnr(db: float) -> float:
    """MSE on [-1, 1] of a PSNR in dB."""
    return float(4 * 10.0 ** (-db / 10))


def worst_and_low(mses: Iterable[tuple[float, int]], share: float = 0.01) -> tuple[float, float]:
    """The worst MSE, and the "1 % low": the MSE that all but 1 % of the frames stay within.

    mses: (MSE, how many frames have it), in any order. (0, 0) for none; NaN where one was not measured.
    """
    found = list(mses)
    if any(math.isnan(mse) for mse, _ in found):
        return math.nan, math.nan
    found.sort(reverse=True)
    left = share * sum(frames for _, frames in found)
    for mse, frames in found:
        left -= frames
        if left < 0:
            return found[0][0], mse
    return 0.0, 0.0
