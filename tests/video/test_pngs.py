"""Every kind of PNG that there is (as in PngSuite), made here: colour types, depths, interlacing, transparency."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from elastictok_cli.errors import InputError
from elastictok_cli.video import open_source

from .test_stills import still

Samples = npt.NDArray[np.int64]
GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
WIDTH, HEIGHT = 45, 37


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rows(samples: Samples, depth: int) -> bytes:
    """Lines with their filter byte, samples packed."""
    out = bytearray()
    for line in samples:
        bits = np.unpackbits(line.reshape(-1, 1).astype(">u2").view(np.uint8), axis=1)[:, 16 - depth :]
        out += b"\0" + np.packbits(bits.reshape(-1)).tobytes()
    return bytes(out)


def png(samples: Samples, colour: int, depth: int, interlaced: bool, extra: bytes = b"") -> bytes:
    """samples: (height, width, channels), 0 to 2^depth - 1. extra: chunks before the pixels."""
    height, width = samples.shape[:2]
    parts = [samples[y::dy, x::dx] for x, y, dx, dy in PASSES] if interlaced else [samples]
    pixels = b"".join(rows(part, depth) for part in parts if part.size)
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + extra
        + chunk(b"IDAT", zlib.compress(pixels))
        + chunk(b"IEND", b"")
    )


def kinds() -> Iterator[tuple[int, int, bool, bool]]:
    for colour, depths in DEPTHS.items():
        for depth in depths:
            for interlaced in (False, True):
                for keyed in (False, True) if colour in (GREY, RGB, PALETTE) else (False,):
                    yield colour, depth, interlaced, keyed


def gallery(colour: int, depth: int) -> Samples:
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    top = (1 << depth) - 1
    planes = [(x * top // (WIDTH - 1) if c % 2 else (x + y) * top // (WIDTH + HEIGHT - 2)) for c in range(4)]
    return np.stack(planes[: CHANNELS[colour]], -1)


def shown(samples: Samples, colour: int, depth: int, palette: Samples, keyed: bool) -> npt.NDArray[Any]:
    """As a viewer shows it on white, float."""
    top = (1 << depth) - 1
    alpha = np.ones(samples.shape[:2])
    if colour == PALETTE:
        rgb = palette[samples[..., 0], :3].astype(float)
        alpha = palette[samples[..., 0], 3] / 255 if keyed else alpha
    else:
        values = samples * 255 / top
        rgb = values[..., :3] if colour in (RGB, RGBA) else values[..., :1].repeat(3, -1)
        if colour in (GREY_ALPHA, RGBA):
            alpha = samples[..., -1] / top
        elif keyed:
            alpha = 1 - np.all(samples == samples[18, 30], axis=-1)
    return np.asarray(rgb * alpha[..., None] + 255 * (1 - alpha[..., None]))


@pytest.mark.parametrize("colour, depth, interlaced, keyed", list(kinds()))
def test_every_png_is_as_a_viewer_shows_it(
    tmp_path: Path, colour: int, depth: int, interlaced: bool, keyed: bool
) -> None:
    samples = gallery(colour, depth)
    entries = np.arange(1 << min(depth, 8))
    palette = np.stack([entries * 37 % 256, entries * 91 % 256, entries * 53 % 256, (entries * 60 + 128) % 256], -1)
    extra = chunk(b"PLTE", palette[:, :3].astype(np.uint8).tobytes()) if colour == PALETTE else b""
    if keyed:
        key = palette[:, 3].astype(np.uint8) if colour == PALETTE else samples[18, 30].astype(">u2")
        extra += chunk(b"tRNS", key.tobytes())
    path = tmp_path / "a.png"
    path.write_bytes(png(samples, colour, depth, interlaced, extra))
    rgb, notes = still(path)
    wanted = shown(samples, colour, depth, palette, keyed)
    assert np.abs(rgb - wanted).max() <= (1.6 if depth == 16 else 0.51)
    transparent = keyed or colour in (GREY_ALPHA, RGBA)
    assert (
        notes
        == ["16-bit samples are coded as 8-bit"] * (depth == 16)
        + ["transparent pixels are laid on white"] * transparent
    )


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("colour, depth", [(GREY, 8), (RGB, 8), (PALETTE, 8), (RGBA, 8), (RGB, 16)])
def test_a_png_that_is_cut_off_keeps_what_is_there(tmp_path: Path, colour: int, depth: int, interlaced: bool) -> None:
    rng = np.random.default_rng(1)
    samples = np.asarray(rng.integers(1, 1 << depth, (60, 80, CHANNELS[colour])))
    palette = chunk(b"PLTE", bytes(rng.integers(0, 256, 768).tolist())) if colour == PALETTE else b""
    whole = png(samples, colour, depth, interlaced, palette)
    (tmp_path / "whole.png").write_bytes(whole)
    (tmp_path / "cut.png").write_bytes(whole[: len(whole) * 3 // 5])
    wanted, _ = still(tmp_path / "whole.png")
    with open_source(tmp_path / "cut.png", size="source") as source:
        (frame,) = source.frames()
        assert source.truncated and any("ends before it should" in note for note in source.notes)
    same = np.abs(frame.rgb[::8, ::8].astype(int) - wanted[::8, ::8]).max(-1) <= 1
    assert same[: same.shape[0] // 3].all() and (interlaced or not same.all())


@pytest.mark.parametrize("length", [8, 20, 33, 40])
def test_a_png_without_pixels_is_refused_in_one_line(tmp_path: Path, length: int) -> None:
    (tmp_path / "a.png").write_bytes(png(gallery(RGB, 8), RGB, 8, False)[:length])
    with pytest.raises(InputError, match="a PNG picture that is damaged, ends before it should"):
        open_source(tmp_path / "a.png")
