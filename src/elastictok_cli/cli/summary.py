"""What an encode ends with: size, tokens, quality and speed, a line each on stderr."""

from __future__ import annotations

from ..codec.events import Finished
from ..container import Header, Reader
from ..metrics import psnr_db
from .console import Console, clock, plural, size
from .files import STREAM


def tell(finished: Finished, header: Header, name: str, console: Console) -> None:
    """Print it. name: of the output, "-" for standard output."""
    if console.quiet:
        return
    for line in (_sizes(finished, header, name), _tokens(finished, header), _quality(finished, header)):
        console.line(line)
    if finished.blocks_missed:
        missed = plural(finished.blocks_missed, "block")
        console.note(
            f"{missed} missed, kept at the best found; 'elastictok stats' shows where, --strict refuses"
        )
    speed = finished.frames / finished.seconds if finished.seconds else 0
    tried = f", {finished.probes / finished.blocks:.1f} candidates a block" if finished.blocks else ""
    frames = plural(finished.frames, "frame")
    console.line(f"speed   {frames} in {clock(finished.seconds)}: {speed:.1f} fps{tried}")


def _sizes(finished: Finished, header: Header, name: str) -> str:
    sound = 0
    if name != STREAM and header.audio:
        with Reader(name) as reader:
            sound = reader.chunk_bytes["sound"]
    width, height = header.coded_size
    bpp = 8 * (finished.bytes_out - sound) / max(1, finished.frames * width * height)
    text = f"{name if name != STREAM else 'output'}: {size(finished.bytes_out)}"
    if finished.bytes_in and finished.bytes_out:
        ratio = finished.bytes_in / finished.bytes_out
        text += f" from {size(finished.bytes_in)} ({ratio:.1f} times smaller)"
    return f"{text}, {bpp:.4f} bits per pixel" + (f", {size(sound)} of it sound" if sound else "")


def _tokens(finished: Finished, header: Header) -> str:
    share = 100 * finished.tokens / max(1, finished.max_tokens)
    each = finished.tokens / max(1, finished.blocks)
    blocks = f"{plural(finished.blocks, 'block')} of {header.coded_size[0]}x{header.coded_size[1]}"
    used = f"{finished.tokens:,} of at most {finished.max_tokens:,} ({share:.3g} %)"
    return f"tokens  {used}, {each:,.0f} a block, {blocks}"


def _quality(finished: Finished, header: Header) -> str:
    text = f"quality {psnr_db(finished.mse):.2f} dB"
    if header.target == "tokens":
        return text
    blocks = plural(finished.blocks, "block")
    missed = f", {finished.blocks_missed:,} missed" if finished.blocks_missed else ""
    return f"{text}; {finished.blocks_met:,} of {blocks} meet the threshold {header.threshold:.4g}{missed}"
