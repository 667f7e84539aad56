"""The summary of an encode: sizes, tokens, quality and speed, one line each on stderr."""

from __future__ import annotations

import math

from ..codec.events import Finished
from ..container import Header, Reader
from ..metrics import quality_text
from .console import Console, clock, plural, size
from .files import STREAM


def tell(finished: Finished, header: Header, name: str, whole: bool, console: Console) -> None:
    """Print it. name: of the output, "-" for standard output. whole: all of the input was coded, not a part."""
    if console.quiet:
        return
    console.line(_sizes(finished, name, whole))
    console.line(_video(finished, header, name))
    console.line(_tokens(finished))
    console.line(_quality(finished))
    if header.target != "tokens":
        console.line(_met(finished, header))
    if finished.blocks_missed:
        missed = plural(finished.blocks_missed, "block")
        console.note(f"{missed} missed the threshold; 'elastictok stats' shows where, --strict makes it an error")
    speed = finished.frames / finished.seconds if finished.seconds else 0
    tried = f", {finished.probes / finished.blocks:.1f} candidates per block" if finished.blocks else ""
    frames = plural(finished.frames, "frame")
    console.line(f"speed   {frames} in {clock(finished.seconds)}: {speed:.1f} fps{tried}")


def _sizes(finished: Finished, name: str, whole: bool) -> str:
    text = f"{name if name != STREAM else 'output'}: {size(finished.bytes_out)}"
    if not (whole and finished.bytes_in and finished.bytes_out):
        return text
    ratio = finished.bytes_in / finished.bytes_out
    return f"{text} from {size(finished.bytes_in)} ({ratio:.1f} times smaller)"


def _video(finished: Finished, header: Header, name: str) -> str:
    sound = 0
    if name != STREAM and header.audio:
        with Reader(name) as reader:
            sound = reader.chunk_bytes["sound"]
    width, height = header.coded_size
    rest = finished.bytes_out - sound
    bpp = 8 * rest / max(1, finished.frames * width * height)
    text = f"video   {size(rest)}, {bpp:.4f} bits per pixel of {width}x{height}"
    return text + (f"; sound {size(sound)}" if sound else "")


def _tokens(finished: Finished) -> str:
    share = 100 * finished.tokens / max(1, finished.max_tokens)
    each = finished.tokens / max(1, finished.blocks)
    used = f"{finished.tokens:,} of at most {finished.max_tokens:,} ({share:.3g} %)"
    return f"tokens  {used}, {each:,.0f} per block"


def _quality(finished: Finished) -> str:
    if finished.blocks < 2 or math.isnan(finished.mse):
        return f"quality {quality_text(finished.mse)}"
    worst, low = quality_text(finished.worst_mse), quality_text(finished.low_mse)
    return f"quality mean {quality_text(finished.mse)}, worst block {worst}, 1 % low {low}"


def _met(finished: Finished, header: Header) -> str:
    missed = f", {finished.blocks_missed:,} missed" if finished.blocks_missed else ""
    blocks = plural(finished.blocks, "block")
    return f"met     threshold {header.threshold:.4g} in {finished.blocks_met:,} of {blocks}{missed}"
