"""Small real files with one odd thing each, made with PyAV: what is read has been through an encoder and a muxer."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]


def picture(number: int, width: int = 64, height: int = 48) -> Pixels:
    """Smooth, different in every corner and every frame: (height, width, 3)."""
    y, x = np.mgrid[0:height, 0:width]
    planes = [
        128 + 100 * np.sin(x / (9 + c) + number * 0.3) * np.cos(y / (7 + c)) + 20 * c * y / height for c in range(3)
    ]
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


def write_video(
    path: Path,
    frames: int = 12,
    *,
    size: tuple[int, int] = (64, 48),
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    time_base: Fraction = Fraction(1, 25),
    pts: Sequence[int] | None = None,
    rotation: int = 0,
    hflip: bool = False,
    sar: Fraction | None = None,
    tags: tuple[int, int, int, int] | None = None,
    sound: str | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """rotation: degrees counter-clockwise, as the muxer takes it. sound: encoders, for tones beside it."""
    with av.open(str(path), "w", container_options=container_options or {}) as file:
        stream = cast(av.VideoStream, file.add_stream(codec, rate=25, options=options or {}))
        stream.width, stream.height = size
        context = stream.codec_context
        context.pix_fmt = pixel_format
        context.time_base = stream.time_base = time_base
        context.thread_type = "FRAME"
        if sar is not None:
            context.sample_aspect_ratio = sar
        if tags is not None:
            context.color_primaries, context.color_trc, context.colorspace, context.color_range = tags
        if rotation or hflip:
            stream.set_display_rotation(rotation, hflip=hflip)
        tones = [_Tone(file, name) for name in sound.split()] if sound else []
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, *size), "rgb24")
            if pixel_format != "rgb24":
                frame = frame.reformat(format=pixel_format)
            frame.pts, frame.time_base = number if pts is None else pts[number], time_base
            file.mux(stream.encode(frame))
            for tone in tones:
                tone.until((number + 1) / 25)
        file.mux(stream.encode(None))
        for tone in tones:
            tone.finish()
    return path


class _Tone:
    def __init__(self, file: av.container.OutputContainer, codec: str) -> None:
        self.file = file
        self.stream = cast(Any, file.add_stream(codec, rate=48000, layout="mono", bit_rate=64000))
        self.sample_format = self.stream.codec_context.format.name
        self.samples = 0

    def until(self, seconds: float) -> None:
        while self.samples < seconds * 48000:
            n = np.arange(self.samples, self.samples + 960)
            wave = (0.3 * np.sin(n / 20)).astype(np.float32).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(wave, "fltp", "mono")
            frame.sample_rate, frame.pts, frame.time_base = 48000, self.samples, Fraction(1, 48000)
            self.file.mux(self.stream.encode(frame))
            self.samples += 960

    def finish(self) -> None:
        self.file.mux(self.stream.encode(None))


def write_picture(path: Path, pixels: npt.NDArray[Any], pixel_format: str) -> Path:
    """A PNG, JPEG, TIFF or WebP, by its suffix. pixels: as `VideoFrame.from_ndarray` takes them."""
    codec = {".png": "png", ".tif": "tiff", ".webp": "libwebp"}.get(path.suffix, "mjpeg")
    encoder = cast(av.VideoCodecContext, av.CodecContext.create(codec, "w"))
    encoder.height, encoder.width = pixels.shape[:2]
    encoder.time_base, encoder.thread_count = Fraction(1, 25), 1
    frame = av.VideoFrame.from_ndarray(pixels, pixel_format)
    if codec == "mjpeg":
        frame = frame.reformat(format="yuvj444p", dst_color_range=2)
        encoder.options = {"qmin": "1", "qmax": "1"}
        encoder.qmin = encoder.qmax = 1
    if codec == "libwebp":
        frame = frame.reformat(format="bgra")
        encoder.options = {"lossless": "1"}
    encoder.pix_fmt = frame.format.name
    path.write_bytes(b"".join(bytes(p) for p in [*encoder.encode(frame), *encoder.encode(None)]))
    return path


def add_exif(path: Path, orientation: int) -> Path:
    """EXIF with nothing but the orientation: behind the first marker of a JPEG, at the end of a WebP, in a TIFF."""
    entry = struct.pack("<HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = struct.pack("<2sHIH", b"II", 42, 8, 1) + entry
    data = path.read_bytes()
    if path.suffix == ".webp":
        with av.open(str(path)) as file:
            width, height = file.streams.video[0].width, file.streams.video[0].height
        sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        body = b"WEBPVP8X\x0a\0\0\0\x08\0\0\0" + sides + data[12:] + b"EXIF" + struct.pack("<I", len(tiff)) + tiff
        path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    elif path.suffix == ".tif":
        (at,) = struct.unpack_from("<I", data, 4)
        (count,) = struct.unpack_from("<H", data, at)
        entries = sorted([entry, *(data[at + 2 + 12 * i : at + 14 + 12 * i] for i in range(count))], key=_tag)
        table = struct.pack("<H", count + 1) + b"".join(entries) + bytes(4)
        path.write_bytes(data[:4] + struct.pack("<I", len(data)) + data[8:] + table)
    else:
        body = b"Exif\0\0" + tiff
        path.write_bytes(data[:2] + b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body + data[2:])
    return path


def _tag(entry: bytes) -> int:
    return int.from_bytes(entry[:2], "little")


def read_back(path: Path) -> dict[str, Any]:
    """What PyAV says of a video: times in seconds, packets of sound, tags."""
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        times, frames, sound = [], [], []
        for packet in file.demux():
            if packet.stream is stream:
                for frame in cast("list[av.VideoFrame]", packet.decode()):
                    assert frame.pts is not None and frame.time_base is not None
                    times.append(frame.pts * frame.time_base)
                    frames.append(frame)
            elif packet.size and packet.stream.type == "audio" and packet.pts is not None:
                sound.append((packet.stream.index, packet.pts * packet.time_base, bytes(packet)))
        first = frames[0]
        return {
            "times": times,
            "frames": [frame.to_ndarray(format="rgb24") for frame in frames],
            "sound": sound,
            "size": (first.width, first.height),
            "pixel_format": first.format.name,
            "rotation": first.rotation,
            "sar": stream.sample_aspect_ratio,
            "tags": (first.color_primaries, first.color_trc, first.colorspace, first.color_range),
            "codec": stream.codec_context.codec.canonical_name,
            "duration": file.duration,
            "time_base": stream.time_base,
        }
