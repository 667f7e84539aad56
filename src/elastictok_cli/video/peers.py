"""VVenC and SVT-AV1 4 through an ffmpeg outside this package: codecs of today that PyAV's FFmpeg lacks.

They are set to be good at what is measured, squared error, and not at what they would be set to for viewers: VVenC's
perceptual quantisation is off, SVT-AV1 has its tune for PSNR, which is its default. Both may go five seconds without a
key frame, about as long as a GOP of the bundled model.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np

from ..errors import ElasticTokError
from .ffmpeg import Ffmpeg
from .reference import THREADS, Codec, frame_rate_of, pictures_420
from .source import Source

KEY_FRAME_S = 5
VVENC, SVTAV1 = "libvvenc", "libsvtav1"
SVT_PRESETS = (8, 4)
VVENC_QUALITIES, SVT_QUALITIES = tuple(range(18, 64, 5)), (*range(15, 64, 6), 67, 70)
PEERS = ("vvenc", *(f"svtav1-p{preset}" for preset in SVT_PRESETS))


@dataclass(frozen=True)
class FfmpegCodec(Codec):
    """One encoder of an external ffmpeg.

    muxer: of its elementary stream. options: of the encoder at a quality. bits: of the samples that it codes.
    """

    ffmpeg: Ffmpeg
    encoder: str
    muxer: str
    options: Callable[[int], list[str]]
    bits: int = 8

    def encode(self, source: Source, quality: int, size: tuple[int, int]) -> tuple[list[bytes], int]:
        """See Codec. One packet, the whole stream."""
        frames = 0

        def planes() -> Iterator[bytes]:
            nonlocal frames
            for picture in pictures_420(source, self, size):
                frames += 1
                yield picture.to_ndarray().tobytes()

        rate = frame_rate_of(source)
        options = [*self.options(quality), "-threads", str(THREADS), "-g", str(round(KEY_FRAME_S * rate))]
        with tempfile.TemporaryDirectory(prefix="elastictok-") as folder:
            path = Path(folder, "stream")
            arguments = [
                *("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", "{}x{}".format(*size)),
                *("-framerate", str(rate), "-i", "-", "-fps_mode", "passthrough", "-c:v", self.encoder),
                *(*options, "-f", self.muxer, str(path)),
            ]
            self.ffmpeg.feed(arguments, planes())
            return [path.read_bytes()], frames

    def decode(self, packets: list[bytes], size: tuple[int, int]) -> Iterator[av.VideoFrame]:
        """See Codec. Samples of 10 bits are rounded to 8, which adds less than 0.00001 to the MSE."""
        wide = self.bits > 8
        pixel_format, dtype = ("yuv420p10le", "<u2") if wide else ("yuv420p", "u1")
        rows, width = size[1] * 3 // 2, size[0]
        with tempfile.TemporaryDirectory(prefix="elastictok-") as folder:
            path = Path(folder, "stream")
            path.write_bytes(b"".join(packets))
            arguments = ["-f", self.muxer, "-i", str(path), "-fps_mode", "passthrough"]
            arguments += ["-f", "rawvideo", "-pix_fmt", pixel_format]
            chunks = self.ffmpeg.read(arguments, rows * width * np.dtype(dtype).itemsize)
            with closing(chunks):  # type: ignore[type-var]  # a generator
                for chunk in chunks:
                    samples = np.frombuffer(chunk, dtype).reshape(rows, width)
                    if wide:
                        samples = np.minimum((samples + 2) >> 2, 255).astype(np.uint8)
                    yield av.VideoFrame.from_ndarray(samples, "yuv420p")


def find_peers(ffmpeg: Ffmpeg) -> dict[str, Codec]:
    """The codecs of PEERS that this ffmpeg was built with, by these short names."""
    found: dict[str, Codec] = {}
    if VVENC in ffmpeg.encoders:
        found["vvenc"] = FfmpegCodec(
            "VVenC faster", VVENC_QUALITIES, ffmpeg, VVENC, "vvc", _vvenc, 10, build=ffmpeg.version
        )
    if SVTAV1 in ffmpeg.encoders:
        version = _svt_version(ffmpeg)
        for preset in SVT_PRESETS:
            name = f"SVT-AV1 {version} preset {preset}"
            options = partial(_svtav1, preset)
            found[f"svtav1-p{preset}"] = FfmpegCodec(
                name, SVT_QUALITIES, ffmpeg, SVTAV1, "obu", options, build=ffmpeg.version
            )
    return found


def _vvenc(quality: int) -> list[str]:
    return ["-preset", "faster", "-qp", str(quality), "-qpa", "0", "-period", str(KEY_FRAME_S)]


def _svtav1(preset: int, quality: int) -> list[str]:
    # FFmpeg's own option ends at 63, which is finer than a threshold of 0.015 on many clips.
    return ["-preset", str(preset), "-svtav1-params", f"crf={quality}"]


def _svt_version(ffmpeg: Ffmpeg) -> str:
    """Its major version, which only an encode reports."""
    size = ("-f", "rawvideo", "-pix_fmt", "yuv420p", "-video_size", "64x64", "-i", "-")
    try:
        text = ffmpeg.feed([*size, "-c:v", SVTAV1, "-preset", "13", "-f", "null", "-"], [bytes(64 * 64 * 3 // 2)])
    except ElasticTokError:
        return "?"
    version = re.search(r"SVT-AV1 Encoder Lib v(\d+)", text)
    return version[1] if version else "?"
