"""Single frames of a video, for what is drawn over them: decoded from an .etok file, or read from the source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..types import Frames


def decoded_blocks(file: str, numbers: Sequence[int], model: str | None) -> dict[int, Frames]:
    """The last frame of these blocks, uint8 (H, W, 3) at the coded size. Raises UnsupportedFile, DamagedFile."""
    from contextlib import closing

    from ..codec.decoder import decode_blocks
    from ..codec.gop_decoder import DecodedBlock
    from ..container import Reader
    from ..models.registry import load_for

    wanted, found = set(numbers), {}
    with Reader(file) as reader:
        loaded = load_for(reader.header, "auto", model, file=reader.name)
        with closing(decode_blocks(reader, loaded, audio=False)) as items:
            for item in items:
                if isinstance(item, DecodedBlock) and item.index in wanted:
                    found[item.index] = item.frames[-1].copy()
    return found


def video_frames(path: str, ends_s: Mapping[int, float], size: tuple[int, int]) -> dict[int, Frames]:
    """The last frame before each of these times, uint8 (H, W, 3), scaled to size (width, height).

    Raises what reading the video raises.
    """
    from ..video import open_source

    left, found = dict(ends_s), {}
    with open_source(path, size=f"{size[0]}x{size[1]}") as video:
        base = video.info.time_base
        for frame in video.frames():
            shown_s = float(frame.pts * base) + 1e-6
            for key, end_s in list(left.items()):
                if shown_s < end_s:
                    found[key] = frame.rgb
                else:
                    del left[key]
            if not left:
                break
    return found
