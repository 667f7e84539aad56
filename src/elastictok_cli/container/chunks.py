"""Pack and parse the payloads of GOP, AUD, INDX and TAIL (docs/format.md has a section on each). `head` has HEAD.

Parsers get a payload whose checksum holds. What they refuse was therefore written on purpose, or by another program.
They raise DamagedFile; `where` starts its message.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence

from ..types import AudioPacket
from . import format as fmt
from .fields import Cursor, blob, sint, uint, unzigzag, zigzag
from .format import BlockRecord, Gop, Header, IndexEntry, TileRecord
from .framing import CHUNK_EXTRA
from .timing import pack_pts, parse_pts

MAX_MSE_CODE = 1 << 20  # 512 octaves above or below the threshold


# --- GOP


def pack_gop(gop: Gop, header: Header) -> bytes:
    """Pack a GOP. Raises ValueError if the GOP does not fit the header."""
    return b"".join(
        [
            uint(gop.first_frame),
            uint(gop.frames),
            pack_pts(gop.pts, header),
            _pack_blocks(gop, header),
            struct.pack("<I", gop.digest),
            gop.payload,
        ]
    )


def block_lengths(frames: int, header: Header) -> list[int]:
    """Return the frames of each block of a GOP. All blocks are full except the last."""
    full, rest = divmod(frames, header.block_frames)
    return [header.block_frames] * full + [rest] * (rest > 0)


def _pack_blocks(gop: Gop, header: Header) -> bytes:
    lengths = block_lengths(gop.frames, header)
    if not lengths or [b.frames for b in gop.blocks] != lengths or len(lengths) > header.gop_blocks:
        raise ValueError(f"blocks of {[b.frames for b in gop.blocks]} frames are no GOP of {gop.frames} frames")
    if any(len(b.tiles) != header.geometry.tiles for b in gop.blocks):
        raise ValueError(f"each block must have {header.geometry.tiles} tiles")
    out, qindex = bytearray(), 0
    for tile in (tile for block in gop.blocks for tile in block.tiles):
        code = fmt.mse_code(tile.mse, header.threshold) if tile.mse > 0 else None
        above = code is not None and code > 0
        out += uint(tile.count)
        out += uint(zigzag(tile.qindex - qindex) << 2 | above << 1 | (not tile.met))
        out += uint(0 if code is None else abs(code) + 1)
        qindex = tile.qindex
    return bytes(out)


def parse_gop(payload: bytes, header: Header, where: str) -> Gop:
    """Parse a GOP. Its tokens stay bytes."""
    cur = Cursor(payload, where)
    first = cur.uint("frame number")
    frames = cur.uint("frame count", low=1, high=header.gop_blocks * header.block_frames)
    lengths, tiles = block_lengths(frames, header), header.geometry.tiles
    if len(lengths) * tiles > min(fmt.MAX_GOP_RECORDS, cur.left // 3):
        cur.fail(f"{len(lengths)} blocks of {tiles} tiles cannot be in {cur.left} bytes")
    pts = parse_pts(cur, frames, header)
    blocks, qindex, measured = [], 0, header.is_measured
    for length in lengths:
        records = []
        for _ in range(tiles):
            count = cur.uint("token count", high=header.max_tokens)
            flags = cur.uint("block flags")
            qindex += unzigzag(flags >> 2)
            if not 0 <= qindex < max(header.num_qindex, 1):
                cur.fail(f"qindex {qindex} is none of {header.num_qindex}")
            code = cur.uint("block error", high=MAX_MSE_CODE)
            signed = (code - 1) * (1 if flags & 2 else -1)
            mse = fmt.mse_value(signed, header.threshold) if code else 0.0
            records.append(TileRecord(count=count, met=not flags & 1, mse=mse if measured else math.nan, qindex=qindex))
        blocks.append(BlockRecord(frames=length, tiles=tuple(records), tile_shares=header.tile_shares))
    (digest,) = struct.unpack("<I", cur.raw(4, "token digest"))
    payload = cur.raw(cur.left, "tokens")
    return Gop(first_frame=first, pts=pts, blocks=tuple(blocks), payload=payload, digest=digest)


# --- AUD


def pack_audio(packets: Sequence[AudioPacket]) -> bytes:
    """Pack audio packets. Times are stored only where they do not follow from the track's previous packet."""
    out = bytearray(uint(len(packets)))
    expected: dict[int, tuple[int, int, int]] = {}  # track: PTS, duration and flags that need no bytes
    for packet in packets:
        pts, duration, flags = expected.get(packet.stream, (0, 0, 1))
        timed = packet.pts != pts or packet.dts != packet.pts
        shaped = packet.duration != duration or packet.flags != flags
        out += uint(packet.stream << 2 | shaped << 1 | timed)
        if timed:
            out += sint(packet.pts - pts) + sint(packet.dts - packet.pts)
        if shaped:
            out += sint(packet.duration) + uint(packet.flags)
        out += blob(bytes(packet.data))
        expected[packet.stream] = (packet.pts + packet.duration, packet.duration, packet.flags)
    return bytes(out)


def parse_audio(payload: bytes, header: Header, where: str) -> tuple[AudioPacket, ...]:
    """Parse audio packets."""
    cur = Cursor(payload, where)
    packets = []
    expected: dict[int, tuple[int, int, int]] = {}
    for _ in range(cur.count("audio packets", each=2)):
        head = cur.uint("audio packet")
        stream = head >> 2
        if stream >= len(header.audio):
            cur.fail(f"audio stream {stream} is none of {len(header.audio)}")
        pts, duration, flags = expected.get(stream, (0, 0, 1))
        dts = pts
        if head & 1:
            pts += cur.sint("audio PTS")
            dts = pts + cur.sint("audio DTS")
        if head & 2:
            duration = cur.sint("audio duration")
            flags = cur.uint("audio flags", high=0xFFFFFFFF)
        data = cur.blob("audio data", fmt.MAX_BYTES[fmt.AUD])
        packets.append(AudioPacket(stream=stream, pts=pts, dts=dts, duration=duration, flags=flags, data=data))
        expected[stream] = (pts + duration, duration, flags)
    cur.end()
    return tuple(packets)


# --- INDX, TAIL


def pack_index(entries: Sequence[IndexEntry], start: int) -> bytes:
    """Pack the index. start: offset of the first chunk after HEAD."""
    out, end, pts = bytearray(uint(len(entries))), start, 0
    for entry in entries:
        out += uint(entry.offset - end) + uint(entry.length) + uint(entry.frames) + uint(entry.tokens)
        out += sint(entry.first_pts - pts)
        end, pts = entry.offset + entry.length + CHUNK_EXTRA, entry.first_pts
    return bytes(out)


def parse_index(payload: bytes, start: int, stop: int, where: str) -> tuple[IndexEntry, ...]:
    """Parse the index. start, stop: offsets of the first chunk after HEAD and of INDX.

    GOPs never overlap, because the file stores the gaps between them.
    """
    cur = Cursor(payload, where)
    entries, end, pts, frame = [], start, 0, 0
    for number in range(cur.count("GOPs", each=5)):
        offset = end + cur.uint("gap", high=stop)
        length = cur.uint("GOP size", high=fmt.MAX_BYTES[fmt.GOP])
        frames = cur.uint("frame count", low=1, high=fmt.MAX_GOP_FRAMES)
        tokens = cur.uint("token count")
        pts += cur.sint("first PTS")
        entries.append(
            IndexEntry(offset=offset, length=length, first_frame=frame, frames=frames, tokens=tokens, first_pts=pts)
        )
        end, frame = offset + length + CHUNK_EXTRA, frame + frames
        if end > stop:
            cur.fail(f"GOP {number} would end at byte {end}, behind the last one at {stop}")
    cur.end()
    return tuple(entries)


def pack_tail(index_bytes: int, digest: bytes) -> bytes:
    """Pack the end mark. index_bytes: of the whole INDX chunk. digest: SHA-256 of all bytes before the TAIL chunk."""
    return struct.pack("<I16s", index_bytes, digest)


def parse_tail(payload: bytes, where: str) -> tuple[int, bytes]:
    """Parse the end mark: bytes of the INDX chunk, first 16 bytes of the SHA-256."""
    cur = Cursor(payload, where)
    index_bytes = int.from_bytes(cur.raw(4, "index size"), "little")
    digest = cur.raw(16, "file digest")
    cur.end()
    return index_bytes, digest
