"""XPSNR and VMAF of decoded frames, by the filters of an ffmpeg outside this package.

XPSNR is that of luma. VMAF is its default model, v0.6.1, which was trained on pictures of 1080 lines: scores of small
pictures are comparable with each other, not with those of large ones.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import UsageError
from .ffmpeg import INSTALL, Ffmpeg
from .geometry import Pixels
from .reference import Pairs

FILTERS = {"xpsnr": "xpsnr", "vmaf": "libvmaf"}
NAMES = tuple(FILTERS)
_FOUND = {"xpsnr": r"XPSNR\s+y:\s*([\d.]+|inf)", "vmaf": r"VMAF score:\s*([\d.]+)"}
# BT.709 for all sources: only decoded and source must be converted alike.
_TO_YUV = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p"


@dataclass(frozen=True)
class Perceptual:
    """A measure for `reference.point`. names: of NAMES. Raises UsageError if the ffmpeg lacks one of them."""

    ffmpeg: Ffmpeg
    names: Sequence[str] = NAMES

    def __post_init__(self) -> None:
        for name in self.names:
            if FILTERS[name] not in self.ffmpeg.filters:
                raise UsageError(f"{self.ffmpeg.path}: has no filter {FILTERS[name]} for {name}; {INSTALL}")

    def __call__(self, pairs: Pairs) -> dict[str, float]:
        """Scores by name: dB, infinite where luma is the same, or 0 to 100. Reads all pairs."""
        pairs = iter(pairs)
        first = next(pairs, None)
        if first is None:
            raise ValueError("no frames to compare")
        height, width = first[0].shape[:2]
        text = self.ffmpeg.feed(self._arguments(width, height), _stacked(itertools.chain([first], pairs)))
        scores = {}
        for name in self.names:
            found = re.search(_FOUND[name], text)
            scores[name] = float(found[1]) if found else math.nan
        return scores

    def _arguments(self, width: int, height: int) -> list[str]:
        count = len(self.names)
        halves = []
        for half, top in (("d", 0), ("s", height)):
            ends = "".join(f"[{half}{i}]" for i in range(count))
            halves.append(f"[{half}]crop={width}:{height}:0:{top},{_TO_YUV},split={count}{ends}")
        filters = [f"[d{i}][s{i}]{FILTERS[name]}[out{i}]" for i, name in enumerate(self.names)]
        graph = ";".join(["[0:v]split=2[d][s]", *halves, *filters])
        arguments = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-video_size", f"{width}x{2 * height}", "-i", "-"]
        arguments += ["-filter_complex", graph]
        for i in range(count):
            arguments += ["-map", f"[out{i}]", "-f", "null", "-"]
        return arguments


def _stacked(pairs: Iterator[tuple[Pixels, Pixels]]) -> Iterator[bytes]:
    """Both pictures of a pair one above the other: so one pipe keeps them together."""
    for decoded, source in pairs:
        yield np.concatenate([decoded, source]).tobytes()


def find_measure(ffmpeg: Ffmpeg | None, names: Sequence[str]) -> Perceptual:
    """The measures of these names. Raises UsageError for an unknown name, and if no ffmpeg was found that has them."""
    for name in names:
        if name not in NAMES:
            raise UsageError(f"--metric {name}: is {' or '.join(NAMES)}")
    if ffmpeg is None:
        raise UsageError(f"--metric {names[0]}: needs an ffmpeg with {FILTERS[names[0]]}; {INSTALL}")
    return Perceptual(ffmpeg, names)
