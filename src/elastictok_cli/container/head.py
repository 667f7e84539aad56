"""Pack and parse HEAD (docs/format.md, "HEAD"): a fixed list of fields, then JSON for everything else."""

from __future__ import annotations

import json
import re
import zlib
from dataclasses import replace
from fractions import Fraction

from ..errors import UnsupportedFile
from ..types import AudioTrack
from . import format as fmt
from .fields import Cursor, blob, double, ratio, text, uint
from .format import Header


def pack_head(header: Header) -> bytes:
    """Pack a header. Equal headers give equal bytes."""
    out = [
        uint(fmt.FORMAT_VERSION),
        text(header.tool),
        text(header.model),
        header.model_digest,
        uint(header.generation),
        text(header.syntax),
        uint(header.block_frames),
        uint(header.gop_blocks),
        uint(header.coded_size[0]) + uint(header.coded_size[1]),
        _pack_size(header.display_size, header.coded_size),
        _pack_size(header.source_size, header.display_size),
        uint(header.multiple),
        _pack_size(header.tile_hw or (0, 0), (0, 0)),
        uint(header.rotation // 90 | header.is_still << 2),
        ratio(None if header.sar == 1 else header.sar),
        *map(uint, header.colour),
        ratio(header.time_base),
        ratio(header.frame_rate),
        uint(fmt.TARGETS.index(header.target)),
        double(header.threshold),
        b"" if header.target == "mse" else double(header.target_value),
        text(header.search),
        uint(header.num_qindex),
        uint(header.channels),
        uint(header.max_tokens),
        uint(len(header.audio)),
        *map(_pack_track, header.audio),
        _pack_extra(header),
    ]
    return b"".join(out)


def _pack_size(size: tuple[int, int], before: tuple[int, int]) -> bytes:
    """Pack (width, height), or a single 0 if it equals the size before."""
    return uint(0) if size == before else uint(size[0]) + uint(size[1])


def _pack_track(track: AudioTrack) -> bytes:
    return b"".join(
        [
            text(track.codec),
            ratio(track.time_base),
            uint(track.sample_rate),
            uint(track.channels),
            text(track.layout),
            uint(track.frame_size),
            blob(track.extradata),
        ]
    )


def _pack_extra(header: Header) -> bytes:
    if not header.extra:
        return uint(0)
    document = json.dumps(header.extra, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    data = document.encode()
    if len(data) > fmt.MAX_METADATA_BYTES:
        raise ValueError(f"{len(data)} bytes of metadata are over the maximum")
    return uint(len(data)) + blob(zlib.compress(data, 9))


def parse_head(payload: bytes, where: str) -> Header:
    """Parse a header.

    Raises UnsupportedFile for a newer format version, before anything else is parsed, and DamagedFile.
    """
    cur = Cursor(payload, where)
    version = cur.uint("format version", low=1)
    if version > fmt.FORMAT_VERSION:
        raise UnsupportedFile(
            f"{where.split(': ')[0]}: format version {version} is newer than this elastictok reads "
            f"({fmt.FORMAT_VERSION}); update elastictok"
        )
    fields: dict[str, object] = {
        "tool": cur.text("tool version"),
        "model": cur.text("model name"),
        "model_digest": cur.raw(16, "model digest"),
        "generation": cur.uint("generation"),
        "syntax": cur.text("syntax"),
        "block_frames": cur.uint("block length"),
        "gop_blocks": cur.uint("GOP length"),
        "coded_size": (coded := (cur.uint("coded width"), cur.uint("coded height"))),
        "display_size": (display := _parse_size(cur, "display", coded)),
        "source_size": _parse_size(cur, "source", display),
        "multiple": cur.uint("padding"),
        "tile_hw": tile if (tile := _parse_size(cur, "tile", (0, 0))) != (0, 0) else None,
        "rotation": ((turn := cur.uint("rotation", high=7)) & 3) * 90,
        "is_still": bool(turn & 4),
        "sar": cur.ratio("sample aspect ratio") or Fraction(1),
        "colour": tuple(cur.uint("colour tag", high=255) for _ in range(4)),
        "time_base": cur.ratio("time base") or cur.fail("there is no time base"),
        "frame_rate": cur.ratio("frame rate"),
        "target": (target := fmt.TARGETS[cur.uint("target", high=len(fmt.TARGETS) - 1)]),
        "threshold": (threshold := cur.double("threshold")),
        "target_value": threshold if target == "mse" else cur.double("target value"),
        "search": cur.text("search"),
        "num_qindex": cur.uint("ladder length", high=1 << 16),
        "channels": cur.uint("channels"),
        "max_tokens": cur.uint("most tokens"),
        "audio": tuple(_parse_track(cur) for _ in range(cur.count("audio streams", each=8, high=255))),
        "extra": _parse_extra(cur),
    }
    cur.end()
    try:
        header = Header(**fields)  # type: ignore[arg-type]
    except ValueError as error:
        cur.fail(str(error))
    return replace(header, audio=_with_languages(header))


def _parse_size(cur: Cursor, name: str, before: tuple[int, int]) -> tuple[int, int]:
    width = cur.uint(f"{name} width")
    return (width, cur.uint(f"{name} height")) if width else before


def _parse_track(cur: Cursor) -> AudioTrack:
    return AudioTrack(
        codec=cur.text("audio codec"),
        time_base=cur.ratio("audio time base") or cur.fail("an audio stream has no time base"),
        sample_rate=cur.uint("sample rate", high=fmt.MAX_TERM - 1),
        channels=cur.uint("audio channels", high=1 << 10),
        layout=cur.text("channel layout"),
        frame_size=cur.uint("audio frame size", high=fmt.MAX_TERM - 1),
        extradata=cur.blob("codec parameters", fmt.MAX_METADATA_BYTES),
    )


def _with_languages(header: Header) -> tuple[AudioTrack, ...]:
    """Return the tracks with their languages, which the metadata lists."""
    languages = header.extra.get("languages")
    if not isinstance(languages, list) or len(languages) != len(header.audio):
        return header.audio
    valid = [language if re.fullmatch("[a-z]{3}", str(language)) else "" for language in languages]
    return tuple(replace(track, language=str(one)) for track, one in zip(header.audio, valid, strict=True))


def _parse_extra(cur: Cursor) -> dict[str, object]:
    size = cur.uint("size of the metadata", high=fmt.MAX_METADATA_BYTES)
    if not size:
        return {}
    packed = cur.blob("metadata", fmt.MAX_METADATA_BYTES)
    inflate = zlib.decompressobj()
    try:
        raw = inflate.decompress(packed, size)  # never more bytes than the file declares
        whole = inflate.eof and not inflate.unused_data
        value = json.loads(raw, parse_constant=_refuse_constant) if len(raw) == size and whole else None
    except (zlib.error, ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not value:
        cur.fail("the metadata cannot be read")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON value")
