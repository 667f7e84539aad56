"""Small .etok files, made by the real writer with real tokens."""

from __future__ import annotations

import dataclasses
import io
from fractions import Fraction
from typing import Any

import numpy as np

import elastictok_cli.models  # noqa: F401  (registers the syntaxes of tokens)
from elastictok_cli.container import BlockRecord, Gop, Header, Reader, TileRecord, Writer, check_file
from elastictok_cli.entropy.bitstream import CodeTokens, token_encoder
from elastictok_cli.types import AudioPacket, AudioTrack

SOUND = AudioTrack(
    codec="aac",
    time_base=Fraction(1, 48000),
    sample_rate=48000,
    channels=2,
    layout="stereo",
    frame_size=1024,
    extradata=b"\x11\x90\x56\xe5\x00",
)


def header(**changes: Any) -> Header:
    """A 64x48 clip of 24 fps in two tiles, blocks of 2 frames, GOPs of 2 blocks, sound."""
    plain = Header(
        tool="0.1.0",
        model="test",
        model_digest=bytes(range(16)),
        generation=1,
        syntax="fsq/1",
        block_frames=2,
        gop_blocks=2,
        coded_size=(64, 30),
        display_size=(64, 30),
        source_size=(30, 64),
        time_base=Fraction(1, 12800),
        frame_rate=Fraction(24),
        multiple=8,
        tile_hw=(32, 32),
        rotation=90,
        colour=(1, 1, 1, 1),
        search="fast",
        max_tokens=64,
        audio=(SOUND,),
    )
    return dataclasses.replace(plain, **changes)


def gop(head: Header, number: int, frames: int = 4, seed: int = 0) -> Gop:
    """GOP `number` with random tokens; every GOP before it has 4 frames."""
    random = np.random.default_rng([seed, number])
    encoder = token_encoder(head)
    blocks = []
    for length in [2] * (frames // 2) + [1] * (frames % 2):
        tiles = []
        for tile in range(head.geometry.tiles):
            count = int(random.integers(0, 6))
            encoder.write(CodeTokens(random.integers(0, 64000, count).astype(np.uint16), length), tile)
            mse = float(random.uniform(0.006, 0.0075))
            tiles.append(TileRecord(count=count, met=mse <= head.threshold, mse=mse))
        blocks.append(BlockRecord(frames=length, tiles=tuple(tiles), tile_shares=head.tile_shares))
    first = 4 * number
    pts = np.array([(first + i) * 12800 // 24 for i in range(frames)], np.int64)
    return Gop(first_frame=first, pts=pts, blocks=tuple(blocks), payload=encoder.finish(), digest=encoder.digest)


def sound(number: int) -> list[AudioPacket]:
    """Three packets of sound for GOP `number`."""
    return [
        AudioPacket(stream=0, pts=1024 * i, dts=1024 * i, duration=1024, flags=1, data=bytes([number, i & 255]) * 4)
        for i in range(3 * number, 3 * number + 3)
    ]


def gops(head: Header, count: int = 3) -> list[Gop]:
    """All full but the last, which has three frames."""
    return [gop(head, n, 4 if n < count - 1 else 3) for n in range(count)]


def write(writer: Writer, items: list[Gop], skip: int = 0) -> int:
    """Write GOPs and their sound from number `skip` on, and finish."""
    for number in range(skip, len(items)):
        writer.write_gop(items[number])
        if writer.header.audio:
            writer.write_audio(sound(number))
    return writer.finish()


def small(count: int = 3, **changes: Any) -> bytes:
    """A whole file of `count` GOPs."""
    head = header(**changes)
    out = io.BytesIO()
    write(Writer(out, head), gops(head, count))
    return out.getvalue()


def facts(g: Gop) -> tuple[Any, ...]:
    """A GOP as something that can be compared."""
    return g.first_frame, g.pts.tolist(), g.blocks, g.payload, g.digest


def read_all(data: bytes) -> list[Any]:
    """Everything a strict reader can be made to look at; DamagedFile if `verify` finds something."""
    with Reader(data) as reader:
        out = [reader.header, [facts(g) for g in reader.gops()], list(reader.audio())]
        assert not check_file(reader), check_file(reader)
        return out
