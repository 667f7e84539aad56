"""Values of tokens: codes of the FSQ and their digits, latents of the VAE. Without torch and numba."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FSQ_LEVELS = (8, 8, 8, 5, 5, 5)  # the first digit is the lowest
FSQ_CODES = 64000
BASIS = np.cumprod((1, *FSQ_LEVELS[:-1]))

Symbols = npt.NDArray[np.uint8]  # (count, symbols of a token)


def check_fsq(values: npt.NDArray[Any], channels: int) -> npt.NDArray[np.uint16]:
    """Check codes of the FSQ and return them as uint16 (count,). Raises ValueError for anything else."""
    if values.dtype.kind not in "iu" or values.ndim != 1:
        raise ValueError(f"values of type {values.dtype} and shape {values.shape} are no codes")
    if ((values < 0) | (values >= FSQ_CODES)).any():
        raise ValueError(f"codes must be 0 .. {FSQ_CODES - 1}")
    return values.astype(np.uint16)


def check_vae(values: npt.NDArray[Any], channels: int) -> npt.NDArray[np.int8]:
    """Check latents of the VAE, int8 (count, channels). Raises ValueError for anything else."""
    if values.dtype != np.int8 or values.shape[1:] != (channels,):
        raise ValueError(f"{values.dtype} {values.shape} are no tokens of {channels} int8")
    return values


def to_digits(codes: npt.NDArray[np.uint16]) -> Symbols:
    """Codes (count,) to digits, uint8 (count, 6), the lowest first."""
    digits: Symbols = (codes.astype(np.int64)[:, None] // BASIS % np.array(FSQ_LEVELS)).astype(np.uint8)
    return digits


def from_digits(digits: Symbols) -> npt.NDArray[np.uint16]:
    """The inverse of `to_digits`."""
    codes: npt.NDArray[np.uint16] = (digits.astype(np.int64) @ BASIS).astype(np.uint16)
    return codes


def to_offsets(latents: npt.NDArray[np.int8]) -> Symbols:
    """Latents, int8 (count, channels), plus 128."""
    offsets: Symbols = latents.view(np.uint8) ^ np.uint8(128)
    return offsets


def from_offsets(offsets: Symbols) -> npt.NDArray[np.int8]:
    """The inverse of `to_offsets`."""
    latents: npt.NDArray[np.int8] = (offsets ^ np.uint8(128)).view(np.int8)
    return latents
