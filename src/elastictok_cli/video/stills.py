"""Pictures: PNG, JPEG, TIFF, BMP, WebP and AVIF by Pillow, HEIC by pillow-heif (the extra `heif`).

Pillow decides what is seen: transparency, CMYK, orientation, tiles, layers. FFmpeg's decoder keeps what Pillow's
modes cannot (more than 8 bits per sample, chroma at its own resolution, colour tags), so its frame is taken wherever
both decoders show the same picture. Other kinds (JPEG 2000, PPM, TGA, ...) are FFmpeg's alone.
"""

from __future__ import annotations

import io
import struct
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

import av
import av.error
import numpy as np
from PIL import (
    AvifImagePlugin,
    BmpImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TgaImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from ..errors import InputError
from . import heif
from .colour import Colour, ToRgb, known
from .picture_files import another_follows, closed_webp, kind_of

_HEAD = 4096  # bytes that tell the kind
_DECODERS = {"PNG": "png", "JPEG": "mjpeg", "TIFF": "tiff", "BMP": "bmp", "WEBP": "webp", "TGA": "targa"}  # FFmpeg's
_OPENERS: dict[str, type[ImageFile.ImageFile]] = {
    "PNG": PngImagePlugin.PngImageFile,
    "JPEG": JpegImagePlugin.JpegImageFile,
    "TIFF": TiffImagePlugin.TiffImageFile,
    "BMP": BmpImagePlugin.BmpImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "TGA": TgaImagePlugin.TgaImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
}
_AS_STORED = {  # what undoes an orientation
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
_ORIENTATION, _SUBFILE, _DNG = 0x0112, 254, 50706  # tags of EXIF and TIFF
_MAX_PIXELS = (1 << 28) - 1  # as FFmpeg's frames; 16,383 x 16,384
_GRID, _MAX_DIFFERENCE = 32, 12  # see `_same_picture`
TIME_BASE = Fraction(1, 25)
_UNREADABLE = (OSError, SyntaxError, ValueError, struct.error, EOFError, RuntimeError, KeyError, TypeError, IndexError)
_lenient = threading.Lock()  # Pillow's switch for cut off pictures is one for all threads


@dataclass(frozen=True)
class Still:
    """A decoded picture. frame: as stored. orientation: EXIF's number of what sets it upright. sar: of its pixels.

    truncated: a part of it is missing. notes: one sentence each.
    """

    frame: av.VideoFrame
    colour: Colour
    orientation: int
    sar: Fraction = Fraction(1)
    truncated: bool = False
    notes: tuple[str, ...] = ()


def read(path: str, name: str) -> Still | None:
    """Decode a picture; None for a video, an animation, and kinds that are left to FFmpeg.

    Raises InputError for a picture that cannot be read, is too large, or needs an extra that is not installed.
    """
    with open(path, "rb") as file:
        kind = kind_of(file.read(_HEAD)) or ("TGA" if path.lower().endswith(".tga") else None)  # it has no signature
        if kind is None:
            return None
        file.seek(0)
        data = file.read()
    if another_follows(kind, data):
        if kind == "JPEG":
            return None  # Motion JPEG, a video
        raise InputError(
            f"{name}: a stream of {kind} pictures; make a video of it first "
            "(ffmpeg -f image2pipe -i - -c:v ffv1 out.mkv)"
        )
    return _Reader(kind, data, name).still()


class _Reader:
    """One picture file in memory."""

    def __init__(self, kind: str, data: bytes, name: str) -> None:
        self.kind, self.data, self.name = kind, data, name

    def still(self) -> Still | None:
        with _quiet():
            picture = self._open()
            if picture is None:
                if self.kind == "WEBP" and self.data[12:16] == b"VP8X" and len(self.data) > 20 and self.data[20] & 2:
                    raise self._animated()
                return self._by_ffmpeg_alone()
            if getattr(picture, "n_frames", 1) > 1 and self.kind != "TIFF" and self.kind != "HEIF":
                if self.kind == "WEBP":
                    raise self._animated()
                return None  # APNG, AVIF sequence: FFmpeg reads them
            self._refuse_what_is_no_picture(picture)
            return self._decoded(picture)

    def _open(self) -> ImageFile.ImageFile | None:
        """The file, its header read; None if Pillow cannot."""
        try:
            return _opener(self.kind, self.name)(io.BytesIO(self.data))
        except _UNREADABLE:
            return None

    def _refuse_what_is_no_picture(self, picture: ImageFile.ImageFile) -> None:
        width, height = picture.size
        if width * height > _MAX_PIXELS:
            raise InputError(
                f"{self.name}: a picture of {width}x{height}; at most {_MAX_PIXELS // 1_000_000} million pixels can be "
                "read, so scale it down first"
            )
        tags = getattr(picture, "tag_v2", {})
        if _DNG in tags or tags.get(_SUBFILE, 0) & 1 or self.data[8:10] == b"CR" and self.kind == "TIFF":
            raise InputError(
                f"{self.name}: a camera's raw file, or a TIFF that begins with a thumbnail; "
                "develop it to PNG or JPEG first"
            )

    def _decoded(self, picture: ImageFile.ImageFile) -> Still:
        orientation = _orientation(picture)
        pages = getattr(picture, "n_frames", 1)
        truncated = False
        try:
            picture.load()
        except _UNREADABLE as error:
            truncated = True
            picture = self._load_what_is_there(error)
        pixels: Image.Image = picture
        if self.kind == "TIFF" and orientation in _AS_STORED:  # Pillow has turned it while loading
            pixels = picture.transpose(_AS_STORED[orientation])
        key = self._transparent_sample(pixels)
        still = self._by_pillow(pixels, orientation)
        other = None if truncated or key == "grey" else self._by_ffmpeg(orientation)
        if other is not None and (key == "deep" or _same_picture(still, other)):
            still = other
        if pages > 1:
            what = "page" if self.kind == "TIFF" else "picture"
            still = replace(still, notes=(*still.notes, f"1 {what} of {pages} is coded; the others are left out"))
        return replace(still, truncated=truncated)

    def _transparent_sample(self, pixels: Image.Image) -> str | None:
        """A PNG's one transparent value, where a decoder mistakes it: "grey" of less than 8 bits is put right for
        Pillow (FFmpeg compares it with samples that it has widened already); "deep" of 16 bits only FFmpeg knows."""
        if self.kind != "PNG" or "transparency" not in pixels.info:
            return None
        depth, colour = self.data[24], self.data[25]
        if colour == 0 and depth < 8:
            if pixels.mode == "L":  # 2 and 4 bits; mode 1 has its key in 8 bits already
                pixels.info["transparency"] *= 255 // ((1 << depth) - 1)
            return "grey"
        return "deep" if depth == 16 else None

    def _load_what_is_there(self, error: Exception) -> ImageFile.ImageFile:
        with _lenient:
            ImageFile.LOAD_TRUNCATED_IMAGES = True
            try:
                picture = _opener(self.kind, self.name)(io.BytesIO(self.data))
                picture.load()
                return picture
            except _UNREADABLE:
                raise self._unreadable() from error
            finally:
                ImageFile.LOAD_TRUNCATED_IMAGES = False

    def _animated(self) -> InputError:
        return InputError(f"{self.name}: animated WebP cannot be read; convert it to GIF or MP4 first")

    def _unreadable(self) -> InputError:
        what = "an" if self.kind == "AVIF" else "a"
        label = {"HEIF": "HEIC", "WEBP": "WebP"}.get(self.kind, self.kind)
        return InputError(
            f"{self.name}: {what} {label} picture that is damaged, ends before it should, or is of a variant that "
            "cannot be read"
        )

    def _by_pillow(self, pixels: Image.Image, orientation: int) -> Still:
        info = heif.Primary()
        if self.kind in ("AVIF", "HEIF"):
            info = heif.primary(self.data)
        if self.kind == "AVIF" and info.crop is not None:  # libheif crops, libavif leaves it to others
            left, top, width, height = info.crop
            pixels = pixels.crop((left, top, left + width, top + height))
        frame = _frame(pixels)
        if frame is None:
            raise InputError(f"{self.name}: a {self.kind} picture in {pixels.mode} samples; save it as RGB first")
        colour = known(frame, picture=True)
        if (info.primaries, info.transfer) != (2, 2):
            colour = colour._replace(primaries=info.primaries, transfer=info.transfer)
        notes = (f"{info.depth} bit samples are coded as 8 bit",) if info.depth > 8 else ()
        return Still(frame, colour, orientation, notes=notes)

    def _by_ffmpeg(self, orientation: int) -> Still | None:
        if self.kind not in _DECODERS:
            return None
        decoder = cast(av.VideoCodecContext, av.CodecContext.create(_DECODERS[self.kind], "r"))
        decoder.thread_count = 1
        try:
            frames = [*decoder.decode(av.Packet(self.data)), *decoder.decode(None)]
        except (av.error.FFmpegError, ValueError):
            return None
        if not frames:
            return None
        sar = decoder.sample_aspect_ratio or Fraction(1)
        return Still(
            frames[0], known(frames[0], picture=True), orientation, sar if 1 / 64 <= sar <= 64 else Fraction(1)
        )

    def _by_ffmpeg_alone(self) -> Still:
        """What Pillow cannot open: 12-bit JPEG, WebP that is cut off."""
        truncated = self.kind == "WEBP" and (shorter := closed_webp(self.data)) != self.data
        if truncated:
            self.data = shorter
        if (still := self._by_ffmpeg(1)) is None:
            raise self._unreadable()
        return replace(still, truncated=truncated)


def _opener(kind: str, name: str) -> type[ImageFile.ImageFile]:
    if kind != "HEIF":
        return _OPENERS[kind]
    try:
        import pillow_heif
    except ImportError:
        raise InputError(f"{name}: a HEIC picture; pip install 'elastictok[heif]' brings what reads it") from None
    return cast("type[ImageFile.ImageFile]", pillow_heif.HeifImageFile)


@contextmanager
def _quiet() -> Iterator[None]:
    """Pillow warns about odd metadata, which changes no pixel."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _orientation(picture: Image.Image) -> int:
    """EXIF's number, as `ImageOps.exif_transpose` reads it; 1 for any that is unknown."""
    try:
        held = picture.getexif().get(_ORIENTATION, 1)
    except _UNREADABLE:
        return 1
    return held if held in range(1, 9) else 1


def _frame(picture: Image.Image) -> av.VideoFrame | None:
    """Pillow's pixels as a frame; None for modes that have no one meaning in RGB."""
    mode = picture.mode
    if "transparency" in picture.info or mode in ("LA", "PA", "RGBA", "La", "RGBa"):
        return av.VideoFrame.from_ndarray(np.asarray(picture.convert("RGBA")), "rgba")
    if mode.startswith("I"):
        return av.VideoFrame.from_ndarray(np.asarray(picture).clip(0, 65535).astype("<u2"), "gray16le")
    if mode in ("1", "L"):
        return av.VideoFrame.from_ndarray(np.asarray(picture.convert("L")), "gray")
    if mode in ("P", "RGB", "RGBX", "CMYK", "YCbCr"):
        return av.VideoFrame.from_ndarray(np.asarray(picture.convert("RGB")), "rgb24")
    return None


def _same_picture(one: Still, other: Still) -> bool:
    """Whether two decoders agree: in each field of a grid the means differ by rounding and chroma filters only."""
    if (one.frame.width, one.frame.height) != (other.frame.width, other.frame.height):
        return False
    fields = []
    for still in (one, other):
        width, height = still.frame.width, still.frame.height
        rgb = Image.fromarray(ToRgb(width, height, still.colour)(still.frame))
        small = rgb.resize((min(_GRID, width), min(_GRID, height)), Image.Resampling.BOX)
        fields.append(np.asarray(small).astype(np.int16))
    return bool(np.abs(fields[0] - fields[1]).max() <= _MAX_DIFFERENCE)
