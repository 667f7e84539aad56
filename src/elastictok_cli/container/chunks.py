"""Chunks and their payloads (HEAD is in `head`): each structure of `format` to bytes and back, as docs/format.md says,
one section per function.

Parsers take the payload after its checksum has passed, so what they refuse is a lie, not an accident; they raise
DamagedFile with the place in it (`where`).
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Sequence

from . import format as fmt
from .fields import Cursor, blob, sint, uint, unzigzag, zigzag
from .format import AudioPacket, BlockRecord, Gop, Header, IndexEntry, TileRecord
from .timing import pack_pts, parse_pts

MSE_CODES = 1 << 20  # 512 octaves to either side


# --- framing


def pack_chunk(kind: bytes, payload: bytes) -> bytes:
    """type | length | CRC of these | payload | CRC of the payload."""
    if len(payload) > fmt.MOST_BYTES.get(kind, fmt.MOST_UNKNOWN):
        raise ValueError(f"a {kind.decode()} chunk of {len(payload)} bytes is over its maximum")
    start = struct.pack("<4sI", kind, len(payload))
    return start + struct.pack("<I", zlib.crc32(start)) + payload + struct.pack("<I", zlib.crc32(payload))


CHUNK_START, CHUNK_END = 12, 4
CHUNK_EXTRA = CHUNK_START + CHUNK_END


def parse_chunk_start(data: bytes) -> tuple[bytes, int] | None:
    """Type and payload length, or None if these 12 bytes are no chunk start."""
    if len(data) < CHUNK_START:
        return None
    kind, length, crc = struct.unpack("<4sII", data[:CHUNK_START])
    if zlib.crc32(data[:8]) != crc or not kind.decode("latin-1").replace(" ", "").isalpha():
        return None
    return kind, length


# --- GOP


def pack_gop(gop: Gop, header: Header) -> bytes:
    """GOP. Raises ValueError where the GOP is not one that `header` announces."""
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
    """Frames of each block of a GOP: all full but the last."""
    full, rest = divmod(frames, header.block_frames)
    return [header.block_frames] * full + [rest] * (rest > 0)


def _pack_blocks(gop: Gop, header: Header) -> bytes:
    lengths = block_lengths(gop.frames, header)
    if not lengths or [b.frames for b in gop.blocks] != lengths or len(lengths) > header.gop_blocks:
        raise ValueError(f"blocks of {[b.frames for b in gop.blocks]} frames are no GOP of {gop.frames} frames")
    if any(len(b.tiles) != header.geometry.tiles for b in gop.blocks):
        raise ValueError(f"each block must have {header.geometry.tiles} tiles")
    out, step = bytearray(), 0
    for tile in (tile for block in gop.blocks for tile in block.tiles):
        code = fmt.mse_code(tile.mse, header.threshold) if tile.mse > 0 else None
        above = code is not None and code > 0
        out += uint(tile.count)
        out += uint(zigzag(tile.step - step) << 2 | above << 1 | (not tile.met))
        out += uint(0 if code is None else abs(code) + 1)
        step = tile.step
    return bytes(out)


def parse_gop(payload: bytes, header: Header, where: str) -> Gop:
    """GOP, its tokens still as bytes."""
    cur = Cursor(payload, where)
    first = cur.uint("frame number")
    frames = cur.uint("frame count", least=1, most=header.gop_blocks * header.block_frames)
    lengths, tiles = block_lengths(frames, header), header.geometry.tiles
    if len(lengths) * tiles > min(fmt.MOST_GOP_RECORDS, cur.left // 3):
        cur.fail(f"{len(lengths)} blocks of {tiles} tiles cannot be in {cur.left} bytes")
    pts = parse_pts(cur, frames, header)
    blocks, step, measured = [], 0, header.is_measured
    for length in lengths:
        records = []
        for _ in range(tiles):
            count = cur.uint("token count", most=header.max_tokens)
            flags = cur.uint("block flags")
            step += unzigzag(flags >> 2)
            if not 0 <= step < max(header.steps, 1):
                cur.fail(f"step {step} is none of {header.steps}")
            code = cur.uint("block error", most=MSE_CODES)
            signed = (code - 1) * (1 if flags & 2 else -1)
            mse = fmt.mse_value(signed, header.threshold) if code else 0.0
            records.append(TileRecord(count, not flags & 1, mse if measured else math.nan, step))
        blocks.append(BlockRecord(length, tuple(records), header.tile_shares))
    (digest,) = struct.unpack("<I", cur.raw(4, "token digest"))
    return Gop(first, pts, tuple(blocks), cur.raw(cur.left, "tokens"), digest)


# --- AUD


def pack_audio(packets: Sequence[AudioPacket]) -> bytes:
    """AUD: times as differences from what the stream's packet before lets expect."""
    out = bytearray(uint(len(packets)))
    expected: dict[int, tuple[int, int, int]] = {}
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
        expected[packet.stream] = (
            packet.pts + packet.duration,
            packet.duration,
            packet.flags,
        )
    return bytes(out)


def parse_audio(payload: bytes, header: Header, where: str) -> tuple[AudioPacket, ...]:
    """AUD."""
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
            duration, flags = (
                cur.sint("audio duration"),
                cur.uint("audio flags", most=0xFFFFFFFF),
            )
        packets.append(
            AudioPacket(
                stream,
                pts,
                dts,
                duration,
                flags,
                cur.blob("audio data", fmt.MOST_BYTES[fmt.AUD]),
            )
        )
        expected[stream] = (pts + duration, duration, flags)
    cur.end()
    return tuple(packets)


# --- INDX, TAIL


def pack_index(entries: Sequence[IndexEntry], start: int) -> bytes:
    """INDX. start: where the first chunk after HEAD begins."""
    out, end, pts = bytearray(uint(len(entries))), start, 0
    for entry in entries:
        out += uint(entry.offset - end) + uint(entry.length) + uint(entry.frames) + uint(entry.tokens)
        out += sint(entry.first_pts - pts)
        end, pts = entry.offset + entry.length + CHUNK_EXTRA, entry.first_pts
    return bytes(out)


def parse_index(payload: bytes, start: int, stop: int, where: str) -> tuple[IndexEntry, ...]:
    """INDX. Every GOP lies in start .. stop, behind the one before it: the fields cannot say otherwise."""
    cur = Cursor(payload, where)
    entries, end, pts, frame = [], start, 0, 0
    for number in range(cur.count("GOPs", each=5)):
        offset = end + cur.uint("gap", most=stop)
        length = cur.uint("GOP size", most=fmt.MOST_BYTES[fmt.GOP])
        frames = cur.uint("frame count", least=1, most=fmt.MOST_GOP_FRAMES)
        tokens = cur.uint("token count")
        pts += cur.sint("first PTS")
        entries.append(IndexEntry(offset, length, frame, frames, tokens, pts))
        end, frame = offset + length + CHUNK_EXTRA, frame + frames
        if end > stop:
            cur.fail(f"GOP {number} would end at byte {end}, behind the last one at {stop}")
    cur.end()
    return tuple(entries)


def pack_tail(index_bytes: int, digest: bytes) -> bytes:
    """TAIL. index_bytes: of the whole INDX chunk. digest: SHA-256 of all bytes before the TAIL chunk."""
    return struct.pack("<I16s", index_bytes, digest)


def parse_tail(payload: bytes, where: str) -> tuple[int, bytes]:
    """TAIL: bytes of the INDX chunk, first 16 bytes of the SHA-256."""
    cur = Cursor(payload, where)
    index_bytes = int.from_bytes(cur.raw(4, "index size"), "little")
    digest = cur.raw(16, "file digest")
    cur.end()
    return index_bytes, digest


TAIL_BYTES = CHUNK_EXTRA + fmt.MOST_BYTES[fmt.TAIL]
