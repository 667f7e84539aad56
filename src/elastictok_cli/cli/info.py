"""`elastictok info`: what an .etok file is, and what it takes to decode it. From the container alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import options as opt
from .console import Console, plural, size
from .files import STREAM, source_of

if TYPE_CHECKING:
    from ..container import Header, Reader

PARTS = {
    "tokens": "tokens",
    "sound": "sound",
    "tables": "block tables",
    "head": "header",
    "index": "index and end mark",
    "other": "other",
}


def info(
    file: opt.EtokFile,
    json_lines: opt.Json = False,
    debug: opt.Debug = False,
) -> None:
    """Show header, streams, required model, and bytes by part. Needs no model.

    [bold]elastictok info in.etok[/bold]          for people\n
    [bold]elastictok info in.etok --json[/bold]   one object for programs
    """
    from ..container import Reader

    console = Console(json_lines=json_lines)
    with Reader(source_of(file), name=None if file != STREAM else "standard input") as reader:
        if json_lines:
            console.emit(record(reader))
            return
        lines = list(describe(reader))
    _print(lines)


def describe(reader: Reader) -> Iterator[tuple[str, str]]:
    """(what, how it is) line by line; an empty `what` goes on with the line before."""
    header = reader.header
    total = reader.store.size
    from ..container import FORMAT_VERSION

    yield (
        "file",
        f"{reader.name}, {size(total)}, .etok version {FORMAT_VERSION}, written by elastictok {header.tool}",
    )
    yield "picture", _picture(header)
    if not header.is_still:
        rate = f"{float(header.frame_rate):.5g} fps" if header.frame_rate else "variable frame rate"
        yield "frames", f"{plural(reader.frames, 'frame')}, {rate}, time base {header.time_base}"
    for number, (track, language) in enumerate(zip(header.audio, header.languages, strict=True)):
        spoken = f", {language}" if language else ""
        yield (
            f"sound {number}",
            f"{track.codec}, {track.sample_rate} Hz, {track.layout or track.channels}{spoken}, copied",
        )
    if not header.audio and not header.is_still:
        yield "sound", "none"
    yield "model", f"{header.model} generation {header.generation}, {_whereabouts(header)}"
    yield "", f"digest {header.model_digest.hex()}, syntax {header.syntax}"
    gops = plural(len(reader.index), "GOP")
    yield "coding", f"blocks of {header.block_frames} frames, {header.gop_blocks} blocks in a GOP; {gops}"
    yield "target", _target(header)
    for part, label in PARTS.items():
        count = reader.chunk_bytes.get(part, 0)
        if count or part == "tokens":
            yield (
                ("bytes" if part == "tokens" else ""),
                f"{label:<19}{count:>13,}  {100 * count / total:5.1f} %",
            )
    rest = {key: value for key, value in header.extra.items() if key != "languages"}
    if rest:
        yield "metadata", ", ".join(f"{key} {value}" for key, value in rest.items())


def record(reader: Reader) -> dict[str, Any]:
    """The object of --json (docs/json.md)."""
    header = reader.header
    return {
        "type": "info",
        "name": reader.name,
        "bytes": reader.store.size,
        "tool": header.tool,
        "model": header.model,
        "model_digest": header.model_digest.hex(),
        "model_here": _find(header) is not None,
        "generation": header.generation,
        "syntax": header.syntax,
        "frames": reader.frames,
        "gops": len(reader.index),
        "block_frames": header.block_frames,
        "gop_blocks": header.gop_blocks,
        "coded_size": list(header.coded_size),
        "display_size": list(header.display_size),
        "source_size": list(header.source_size),
        "tile": list(header.tile_hw) if header.tile_hw else None,
        "rotation": header.rotation,
        "sample_aspect_ratio": str(header.sar),
        "colour": list(header.colour),
        "time_base": str(header.time_base),
        "frame_rate": str(header.frame_rate) if header.frame_rate else None,
        "is_still": header.is_still,
        "target": header.target,
        "target_value": header.target_value,
        "threshold": header.threshold,
        "search": header.search,
        "audio": [
            {"codec": a.codec, "sample_rate": a.sample_rate, "channels": a.channels, "layout": a.layout}
            for a in header.audio
        ],
        "parts": dict(reader.chunk_bytes),
        "extra": dict(header.extra),
    }


def _picture(header: Header) -> str:
    width, height = header.coded_size
    text = f"{width}x{height}"
    if header.display_size != header.coded_size:
        text += " shown as {}x{}".format(*header.display_size)
    if header.source_size != header.coded_size:
        text += ", source {}x{}".format(*header.source_size)
    if header.rotation:
        text += f", rotated by {header.rotation} degrees"
    if header.tile_hw:
        text += f", in {plural(header.geometry.tiles, 'tile')} of {header.tile_hw[1]}x{header.tile_hw[0]}"
    return text


def _target(header: Header) -> str:
    from ..metrics import psnr_db

    search = f", {header.search} search" if header.search else ""
    if header.target == "tokens":
        return f"{header.target_value:g} tokens per block{search}"
    return f"threshold {header.threshold:.6g} ({psnr_db(header.threshold):.2f} dB) in every block{search}"


def _find(header: Header) -> str | None:
    """Where the file's model is, by its digest; reads weights files, loads none."""
    from ..errors import UnsupportedFile
    from ..models.registry import weights_files
    from ..models.weights_files import sha256

    for path in weights_files():
        try:
            if sha256(path).startswith(header.model_digest.hex()):
                return str(path)
        except (OSError, UnsupportedFile):
            continue
    return None


def _whereabouts(header: Header) -> str:
    if _find(header) is not None:
        return "which is here"
    return "which is not on this machine ('elastictok weights list' shows what is)"


def _print(lines: list[tuple[str, str]]) -> None:
    from rich.console import Console as RichConsole
    from rich.text import Text

    from .console import one_line

    out = RichConsole(highlight=False, soft_wrap=True)
    for what, text in lines:
        out.print(Text.assemble((f"{what:<10}", "bright_black"), one_line(text) if what else text))
