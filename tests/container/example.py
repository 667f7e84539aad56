"""The file that docs/format.md takes apart byte by byte."""

from __future__ import annotations

import io
from fractions import Fraction

import numpy as np

from elastictok_cli.container import BlockRecord, Gop, Header, TileRecord, Writer
from elastictok_cli.entropy.bitstream import CodeTokens, token_encoder


def example() -> bytes:
    """Three frames of 16x8 at 24 fps, no sound: one GOP of two blocks, five tokens."""
    head = Header(
        tool="0.1.0",
        model="fsq-tiny",
        model_digest=bytes(range(0xA0, 0xB0)),
        generation=1,
        syntax="fsq/1",
        block_frames=2,
        gop_blocks=4,
        coded_size=(16, 8),
        display_size=(16, 8),
        source_size=(320, 160),
        time_base=Fraction(1, 1000),
        multiple=8,
        colour=(1, 1, 1, 1),
        frame_rate=Fraction(24),
        target_value=0.007,
        threshold=0.007,
        search="fast",
        max_tokens=32,
    )
    encoder = token_encoder(head)
    encoder.write(CodeTokens(np.array([31234, 4095, 7], np.uint16), 2))
    encoder.write(CodeTokens(np.array([31234, 63999], np.uint16), 1))
    blocks = (
        BlockRecord(frames=2, tiles=(TileRecord(count=3, met=True, mse=0.00693),)),
        BlockRecord(frames=1, tiles=(TileRecord(count=2, met=False, mse=0.0072),)),
    )
    pts = np.array([0, 42, 83], np.int64)
    out = io.BytesIO()
    writer = Writer(out, head)
    writer.write_gop(Gop(first_frame=0, pts=pts, blocks=blocks, payload=encoder.finish(), digest=encoder.digest))
    writer.finish()
    return out.getvalue()
