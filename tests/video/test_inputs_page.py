"""docs/inputs.md: each row of its tables is read here. `--renew` writes the tables anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from elastictok_cli.errors import InputError
from elastictok_cli.video import open_source

from .clips import picture, write_video

PAGE = Path(__file__).parents[2] / "docs" / "inputs.md"
MARK = "<!-- made from the tests: make test ARGS='tests/video/test_inputs_page.py --renew' -->"

# suffix, what it is, an encoder whose video it holds
CONTAINERS = (
    (".mp4", "MP4", "libx264"),
    (".mov", "QuickTime", "libx264"),
    (".mkv", "Matroska", "libx264"),
    (".webm", "WebM", "libvpx-vp9"),
    (".avi", "AVI", "mpeg4"),
    (".ts", "MPEG transport stream", "mpeg2video"),
    (".mpg", "MPEG program stream", "mpeg1video"),
    (".flv", "Flash video", "libx264"),
    (".3gp", "3GPP", "mpeg4"),
    (".asf", "ASF, WMV", "msmpeg4v3"),
    (".nut", "NUT", "ffv1"),
    (".mxf", "MXF", "mpeg2video"),
    (".gif", "GIF, animated or not", "gif"),
    (".apng", "PNG, animated", "apng"),
    (".y4m", "YUV4MPEG2", "wrapped_avframe"),
)
# encoder, what it is, pixel format
CODECS = (
    ("libx264", "H.264", "yuv420p"),
    ("libx265", "HEVC", "yuv420p"),
    ("libsvtav1", "AV1", "yuv420p"),
    ("libvpx-vp9", "VP9", "yuv420p"),
    ("libvpx", "VP8", "yuv420p"),
    ("mpeg4", "MPEG-4 part 2", "yuv420p"),
    ("mpeg2video", "MPEG-2", "yuv420p"),
    ("mpeg1video", "MPEG-1", "yuv420p"),
    ("mjpeg", "Motion JPEG", "yuvj420p"),
    ("prores_ks", "ProRes", "yuv422p10le"),
    ("ffv1", "FFV1", "yuv420p"),
    ("rawvideo", "uncompressed", "yuv420p"),
)
# pixel format, what it is, what is said of it
PIXELS = (
    ("yuv420p", "8 bit, 4:2:0", ""),
    ("yuv422p", "8 bit, 4:2:2", ""),
    ("yuv444p", "8 bit, 4:4:4", ""),
    ("yuv420p10le", "10 bit, 4:2:0", "10-bit samples are coded as 8-bit"),
    ("yuv422p12le", "12 bit, 4:2:2", "12-bit samples are coded as 8-bit"),
    ("yuv444p16le", "16 bit, 4:4:4", "16-bit samples are coded as 8-bit"),
    ("gray", "grey", ""),
    ("gray16le", "grey, 16 bit", "16-bit samples are coded as 8-bit"),
    ("bgr0", "RGB", ""),
    ("yuva420p", "with transparency", ""),
)
# name, what it is, by what, how it is saved
STILLS: tuple[tuple[str, str, str, Callable[[Path], object]], ...] = (
    ("a.png", "PNG: all depths, palettes, interlaced, transparent", "Pillow", lambda p: photo().save(p)),
    ("a.jpg", "JPEG: baseline, progressive, grey, CMYK", "Pillow", lambda p: photo().save(p)),
    ("a.tif", "TIFF: the first page; uncompressed, LZW, Deflate, JPEG, fax", "Pillow", lambda p: photo().save(p)),
    ("a.bmp", "BMP", "Pillow", lambda p: photo().save(p)),
    ("a.webp", "WebP, not animated", "Pillow", lambda p: photo().save(p)),
    ("a.avif", "AVIF: tiles, layers, crop, rotation, transparency", "Pillow", lambda p: photo().save(p)),
    (
        "a.heic",
        "HEIC: tiles, crop, rotation, transparency",
        "pillow-heif, extra `heif`",
        lambda p: pillow_heif.from_pillow(photo()).save(p),
    ),
    ("a.jp2", "JPEG 2000", "FFmpeg", lambda p: photo().save(p)),
    ("a.ppm", "PPM, PGM, PBM", "FFmpeg", lambda p: photo().save(p)),
    ("a.tga", "Targa, by its suffix", "Pillow", lambda p: photo().save(p)),
)
# what, how it is made, what is said
REFUSED: tuple[tuple[str, Callable[[Path], object], str], ...] = (
    ("WebP that moves", lambda p: photo().save(p, "webp", save_all=True, append_images=[photo(1)]), "animated WebP"),
    ("several PNG, BMP or WebP pictures in one file", lambda p: joined(p), "a stream of PNG pictures"),
    ("a camera's raw file (DNG, CR2)", lambda p: photo().save(p, "tiff", tiffinfo={254: 1}), "a camera's raw file"),
    ("encrypted MP4", lambda p: encrypted(p), "its video is encrypted (DRM)"),
    ("text", lambda p: p.write_text("no video\n" * 20), "a text file, not a video or picture"),
    ("an empty file", lambda p: p.write_bytes(b""), "the file is empty"),
    ("sound without video", lambda p: sound_only(p), "there is no video in it"),
)


def photo(number: int = 0) -> Image.Image:
    return Image.fromarray(picture(number))


def joined(path: Path) -> None:
    photo().save(path, "png")
    path.write_bytes(path.read_bytes() * 2)


def encrypted(path: Path) -> None:
    keys = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": "76" * 16, "encryption_kid": "a7" * 16}
    write_video(path.with_suffix(".mp4"), 3, container_options=keys).rename(path)


def sound_only(path: Path) -> None:
    import wave

    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(16000))


def rows(path: Path, frames: int) -> list[str]:
    with open_source(path, size="source") as source:
        shown = list(source.frames())
        assert len(shown) == frames
        assert np.abs(shown[0].rgb.astype(int) - picture(0)).mean() < 20
        return source.notes


@pytest.mark.parametrize(("suffix", "what", "encoder"), CONTAINERS)
def test_every_container_is_read(tmp_path: Path, suffix: str, what: str, encoder: str) -> None:
    formats = {"gif": "rgb8", "apng": "rgb24"}
    size = (720, 576) if suffix == ".mxf" else (64, 48)
    path = write_video(
        tmp_path / f"a{suffix}", 4, codec=encoder, pixel_format=formats.get(encoder, "yuv420p"), size=size
    )
    with open_source(path, size="source") as source:
        assert len(list(source.frames())) == 4 and not source.truncated


@pytest.mark.parametrize(("encoder", "what", "pixel_format"), CODECS)
def test_every_codec_is_read(tmp_path: Path, encoder: str, what: str, pixel_format: str) -> None:
    path = write_video(tmp_path / "a.mkv", 4, codec=encoder, pixel_format=pixel_format, size=(64, 64))
    with open_source(path, size="source") as source:
        shown = list(source.frames())
    assert len(shown) == 4 and np.abs(shown[0].rgb.astype(int) - picture(0, 64, 64)).mean() < 20


@pytest.mark.parametrize(("pixel_format", "what", "note"), PIXELS)
def test_every_pixel_format_is_read(tmp_path: Path, pixel_format: str, what: str, note: str) -> None:
    notes = rows_of_pixels(tmp_path, pixel_format)
    assert notes == ([note] if note else [])


def rows_of_pixels(folder: Path, pixel_format: str) -> list[str]:
    path = write_video(folder / "a.mkv", 4, codec="ffv1", pixel_format=pixel_format)
    with open_source(path, size="source") as source:
        assert len(list(source.frames())) == 4
        return source.notes


@pytest.mark.parametrize(("name", "what", "reader", "save"), STILLS)
def test_every_still_is_read(tmp_path: Path, name: str, what: str, reader: str, save: Callable[[Path], object]) -> None:
    save(tmp_path / name)
    assert rows(tmp_path / name, 1) == []


@pytest.mark.parametrize(("what", "make", "said"), REFUSED)
def test_what_is_refused_says_why(tmp_path: Path, what: str, make: Callable[[Path], object], said: str) -> None:
    make(tmp_path / "a")
    with pytest.raises(InputError) as caught:
        open_source(tmp_path / "a")
    assert said in str(caught.value) and "\n" not in str(caught.value)


def table(title: str, head: tuple[str, ...], lines: list[tuple[str, ...]]) -> str:
    body = [head, tuple("---" for _ in head), *lines]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in body)


def tables() -> str:
    return "\n\n".join(
        [
            table("Containers", ("container", "usual suffix"), [(what, suffix) for suffix, what, _ in CONTAINERS]),
            table("Codecs", ("video codec", "pixels in the test"), [(what, kind) for _, what, kind in CODECS])
            + "\n\nAnd what else the FFmpeg inside PyAV decodes.",
            table("Pixel formats", ("pixels", "FFmpeg's name", "note"), [(w, f"`{p}`", n) for p, w, n in PIXELS]),
            table("Pictures", ("picture", "decided by"), [(what, reader) for _, what, reader, _ in STILLS]),
            table("What is refused", ("input", "what is said"), [(what, said) for what, _, said in REFUSED]),
        ]
    )


def test_the_page_has_every_row(request: pytest.FixtureRequest) -> None:
    page = PAGE.read_text(encoding="utf-8")
    wanted = f"{page[: page.index(MARK)]}{MARK}\n\n{tables()}\n"
    if request.config.getoption("--renew"):
        PAGE.write_text(wanted, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == wanted
