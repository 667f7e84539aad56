"""JPEG, TIFF, BMP, WebP, AVIF and HEIC in their variants, each as a viewer shows it; made by Pillow and pillow-heif."""

from __future__ import annotations

import io
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pillow_heif
import pytest
from PIL import Image, ImageOps

from elastictok_cli.errors import InputError
from elastictok_cli.video import open_source

from .clips import picture
from .test_stills import still

LOSSLESS, LOSSY = 1.0, 12.0


def smooth(width: int = 130, height: int = 90) -> Image.Image:
    return Image.fromarray(picture(0, width, height))


def see_through() -> Image.Image:
    """Half of it fades out; black lies under the transparent part."""
    rgba = smooth().convert("RGBA")
    pixels = np.asarray(rgba).copy()
    pixels[:, 70:, 3] = np.linspace(255, 0, 60).astype(np.uint8)
    pixels[:, 110:, :3] = 0
    return Image.fromarray(pixels)


def on_white(path: Path) -> npt.NDArray[np.int16]:
    with Image.open(path) as image:
        rgba = ImageOps.exif_transpose(image).convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    return np.asarray(Image.alpha_composite(white, rgba).convert("RGB")).astype(np.int16)


def assert_as_shown(path: Path, tolerance: float, notes: list[str] | None = None) -> None:
    rgb, said = still(path)
    wanted = on_white(path)
    assert rgb.shape == wanted.shape
    assert np.abs(rgb - wanted).mean() <= tolerance / 4 and np.percentile(np.abs(rgb - wanted), 99) <= tolerance
    assert said == (notes or [])


@pytest.mark.parametrize(
    "mode, options",
    [
        ("RGB", {}),
        ("RGB", {"progressive": True}),
        ("RGB", {"subsampling": 0}),
        ("RGB", {"subsampling": 1, "restart_marker_rows": 1}),
        ("RGB", {"keep_rgb": True}),
        ("L", {}),
        ("L", {"progressive": True}),
        ("CMYK", {}),
        ("CMYK", {"progressive": True}),
        ("YCbCr", {}),
    ],
)
def test_every_jpeg(tmp_path: Path, mode: str, options: dict[str, Any]) -> None:
    smooth().convert(mode).save(tmp_path / "a.jpg", quality=90, **options)
    assert_as_shown(tmp_path / "a.jpg", LOSSY)


PLAIN = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd")
TIFFS = [(mode, how) for mode in ("RGB", "RGBA", "L", "CMYK", "P", "1") for how in PLAIN]


@pytest.mark.parametrize(
    "mode, compression", [*TIFFS, ("RGB", "jpeg"), ("L", "jpeg"), ("CMYK", "jpeg"), ("1", "group4")]
)
def test_every_tiff(tmp_path: Path, mode: str, compression: str | None) -> None:
    image = see_through() if mode == "RGBA" else smooth().convert(mode)
    image.save(tmp_path / "a.tif", compression=compression)
    notes = ["transparent pixels are laid on white"] if mode == "RGBA" else []
    rounded = 4 if mode == "CMYK" else LOSSLESS
    assert_as_shown(tmp_path / "a.tif", LOSSY if compression == "jpeg" else rounded, notes)


@pytest.mark.parametrize("compression", PLAIN)
def test_a_tiff_of_16_bits_keeps_its_levels(tmp_path: Path, compression: str | None) -> None:
    grey = np.asarray(smooth().convert("L"))
    Image.fromarray(grey.astype(np.uint16) * 257).save(tmp_path / "a.tif", compression=compression)
    rgb, notes = still(tmp_path / "a.tif")
    assert np.abs(rgb[..., 0].astype(int) - grey).max() <= 1.6
    assert notes == ["16-bit samples are coded as 8-bit"]


@pytest.mark.parametrize("held", range(1, 9))
@pytest.mark.parametrize("compression", ["jpeg", "tiff_lzw"])
def test_a_tiff_is_upright(tmp_path: Path, held: int, compression: str) -> None:
    smooth().save(tmp_path / "a.tif", compression=compression, tiffinfo={0x0112: held})
    turned = [] if held == 1 else ["the picture is turned upright"]
    mirrored = ["the picture is turned upright (it is stored mirrored)"]
    assert_as_shown(tmp_path / "a.tif", LOSSY, mirrored if held in (2, 4, 5, 7) else turned)


def test_pages_of_a_tiff_are_counted(tmp_path: Path) -> None:
    smooth().save(tmp_path / "a.tif", save_all=True, append_images=[smooth(), smooth()])
    assert_as_shown(tmp_path / "a.tif", LOSSLESS, ["1 page of 3 is coded; the others are left out"])


def test_a_tiff_that_begins_with_a_thumbnail_is_refused(tmp_path: Path) -> None:
    smooth().save(tmp_path / "a.tif", tiffinfo={254: 1})
    with pytest.raises(InputError, match="a.tif: a camera's raw file, or a TIFF that begins with a thumbnail"):
        open_source(tmp_path / "a.tif")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA"])
def test_every_bmp(tmp_path: Path, mode: str) -> None:
    smooth().convert(mode).save(tmp_path / "a.bmp")
    assert_as_shown(tmp_path / "a.bmp", LOSSLESS)


@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("lossless", [False, True])
def test_every_webp(tmp_path: Path, lossless: bool, alpha: bool) -> None:
    (see_through() if alpha else smooth()).save(tmp_path / "a.webp", lossless=lossless, quality=95, exact=True)
    assert_as_shown(
        tmp_path / "a.webp",
        LOSSLESS if lossless else LOSSY,
        ["transparent pixels are laid on white"] if alpha else None,
    )


def test_a_webp_that_moves_is_refused(tmp_path: Path) -> None:
    smooth().save(tmp_path / "a.webp", save_all=True, append_images=[ImageOps.flip(smooth())])
    with pytest.raises(InputError, match="animated WebP cannot be read"):
        open_source(tmp_path / "a.webp")


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.bmp", "a.tif", "a.webp"])
def test_a_picture_that_is_cut_off_is_coded_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    noise = np.random.default_rng(3).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / name, subsampling=0)
    whole, _ = still(tmp_path / name)
    data = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(data[: len(data) * 6 // 10])
    with open_source(tmp_path / name, size="source") as source:
        (frame,) = source.frames()
        assert source.truncated and "ends before it should" in source.notes[-1]
    rows = slice(-60, None) if name == "a.bmp" else slice(0, 60)  # BMP begins below
    assert np.abs(frame.rgb[rows].astype(int) - whole[rows]).mean() < 2


@pytest.mark.parametrize("name", ["a.jpg", "a.bmp", "a.tif", "a.webp", "a.avif", "a.heic"])
@pytest.mark.parametrize("length", [16, 50])
def test_a_picture_without_pixels_is_refused_in_one_line(tmp_path: Path, name: str, length: int) -> None:
    pillow_heif.from_pillow(smooth()).save(tmp_path / name) if name == "a.heic" else smooth().save(tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:length])
    with pytest.raises(InputError) as caught, open_source(tmp_path / name) as source:
        list(source.frames())
    assert "\n" not in str(caught.value) and str(caught.value).startswith(name)


def brand(data: bytes, major: bytes) -> bytes:
    return data[:8] + major + data[12:]


@pytest.mark.parametrize("major", [b"avif", b"mif1", b"miaf", b"MA1B", b"MA1A"])
@pytest.mark.parametrize("subsampling", ["4:2:0", "4:4:4", "4:0:0"])
def test_every_avif(tmp_path: Path, major: bytes, subsampling: str) -> None:
    smooth().save(tmp_path / "a.avif", quality=95, subsampling=subsampling)
    wanted = on_white(tmp_path / "a.avif")
    (tmp_path / "a.avif").write_bytes(brand((tmp_path / "a.avif").read_bytes(), major))
    rgb, notes = still(tmp_path / "a.avif")
    assert np.abs(rgb - wanted).max() <= 1 and notes == []


def test_a_transparent_avif_is_laid_on_white(tmp_path: Path) -> None:
    see_through().save(tmp_path / "a.avif", quality=95)
    assert_as_shown(tmp_path / "a.avif", LOSSLESS, ["transparent pixels are laid on white"])


@pytest.mark.parametrize("held", range(1, 9))
def test_an_avif_is_upright(tmp_path: Path, held: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = held
    smooth().save(tmp_path / "a.avif", quality=95, exif=exif)
    rgb, _ = still(tmp_path / "a.avif")
    assert np.abs(rgb - on_white(tmp_path / "a.avif")).max() <= 1
    assert rgb.shape[:2] == ((130, 90) if held > 4 else (90, 130))


def with_crop(data: bytes, crop: tuple[int, int, int, int]) -> bytes:
    """An AVIF of one item with a clean aperture: (left, top, width, height) of its 130x90."""
    left, top, width, height = crop
    offsets = (2 * left + width - 130, 2, 2 * top + height - 90, 2)
    clap = struct.pack(">I4sIIIIiIiI", 40, b"clap", width, 1, height, 1, *offsets)
    at = data.index(b"ipma") - 4
    (length,) = struct.unpack_from(">I", data, at)
    count = data[at + 18]
    ipma = bytearray(data[at : at + length]) + bytes([0x80 | (count + 1)])
    ipma[18] += 1
    struct.pack_into(">I", ipma, 0, length + 1)
    out = bytearray(data[:at] + clap + bytes(ipma) + data[at + length :])
    for name, more in ((b"meta", 41), (b"iprp", 41), (b"ipco", 40)):
        start = out.index(name) - 4
        struct.pack_into(">I", out, start, struct.unpack_from(">I", out, start)[0] + more)
    iloc = out.index(b"iloc") + 4  # version 0, offsets of 4 bytes: one item, one extent
    extent = iloc + 4 + 2 + 2 + 2 + 2 + 2
    struct.pack_into(">I", out, extent, struct.unpack_from(">I", out, extent)[0] + 41)
    return bytes(out)


def test_an_avif_is_cropped_before_it_is_turned(tmp_path: Path) -> None:
    smooth().save(tmp_path / "a.avif", quality=95)
    whole = on_white(tmp_path / "a.avif")
    (tmp_path / "a.avif").write_bytes(with_crop((tmp_path / "a.avif").read_bytes(), (10, 20, 64, 48)))
    rgb, _ = still(tmp_path / "a.avif")
    assert np.abs(rgb - whole[20:68, 10:74]).max() <= 1


def test_an_avif_keeps_its_colour_tags(tmp_path: Path) -> None:
    smooth().save(tmp_path / "a.avif")
    with open_source(tmp_path / "a.avif") as source:
        assert source.info.colour[:2] == (1, 13)


def test_an_avif_that_moves_is_a_video(tmp_path: Path) -> None:
    smooth().save(tmp_path / "a.avif", save_all=True, append_images=[ImageOps.flip(smooth())], duration=40)
    with open_source(tmp_path / "a.avif") as source:
        assert not source.info.is_still and len(list(source.frames())) == 2


@pytest.mark.parametrize("tile", [0, 64])
@pytest.mark.parametrize("held", [1, 3, 6, 8])
def test_every_heic(tmp_path: Path, held: int, tile: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pillow_heif.options, "GRID_TILE_SIZE", tile)
    image = smooth(200, 140)
    exif = Image.Exif()
    exif[0x0112] = held
    pillow_heif.from_pillow(image).save(tmp_path / "a.heic", quality=95, exif=exif.tobytes())
    rgb, notes = still(tmp_path / "a.heic")
    turned = np.rot90(np.asarray(image), {1: 0, 3: 2, 6: -1, 8: 1}[held])
    assert np.abs(rgb.astype(int) - turned).mean() < 3 and notes == []


def test_a_transparent_heic_is_laid_on_white(tmp_path: Path) -> None:
    pillow_heif.from_pillow(see_through()).save(tmp_path / "a.heic", quality=95)
    rgb, notes = still(tmp_path / "a.heic")
    wanted = np.asarray(Image.alpha_composite(Image.new("RGBA", (130, 90), "white"), see_through()).convert("RGB"))
    assert np.abs(rgb.astype(int) - wanted).mean() < 3 and notes == ["transparent pixels are laid on white"]


@pytest.mark.parametrize("major", [b"heic", b"heix", b"mif1", b"miaf"])
def test_a_heic_without_the_extra_names_it(tmp_path: Path, major: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    pillow_heif.from_pillow(smooth()).save(tmp_path / "a.heic")
    (tmp_path / "a.heic").write_bytes(brand((tmp_path / "a.heic").read_bytes(), major))
    assert still(tmp_path / "a.heic")[0].shape == (90, 130, 3)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    with pytest.raises(InputError, match=r"a.heic: a HEIC picture; pip install 'elastictok\[heif\]' brings what reads"):
        open_source(tmp_path / "a.heic")


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.webp"])
def test_a_stream_of_pictures_is_refused_with_the_way_out(tmp_path: Path, name: str) -> None:
    smooth().save(tmp_path / name)
    both = io.BytesIO((tmp_path / name).read_bytes() * 2)
    with pytest.raises(InputError, match="a stream of (PNG|BMP|WEBP) pictures; make a video of it first"):
        open_source(both)


def test_a_jpeg_with_a_preview_behind_it_is_one_picture(tmp_path: Path) -> None:
    smooth().save(tmp_path / "a.jpg")
    wanted, _ = still(tmp_path / "a.jpg")
    preview = io.BytesIO()
    smooth(40, 30).save(preview, "jpeg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes() + preview.getvalue())
    assert np.array_equal(still(tmp_path / "a.jpg")[0], wanted)


def test_a_picture_of_too_many_pixels_says_its_size(tmp_path: Path) -> None:
    data = bytearray(1024)
    data[:2], data[10:14] = b"BM", struct.pack("<I", 54)
    data[14:38] = struct.pack("<IiiHHII", 40, 17000, 17000, 1, 24, 0, 0)
    (tmp_path / "a.bmp").write_bytes(data)
    with pytest.raises(InputError, match="a.bmp: a picture of 17000x17000; at most 268 million pixels can be read"):
        open_source(tmp_path / "a.bmp")
