"""Small .etok files with chosen token counts: what a report sees of a file is its tables alone."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from elastictok_cli.container import BlockRecord, Gop, Header, Reader, TileRecord, Writer
from elastictok_cli.report import Usage, read_usage

BLOCK, GOP_BLOCKS = 4, 8


def header(**changes: Any) -> Header:
    """64x48 at 25 fps, blocks of 4 frames, 8 blocks in a GOP."""
    fields: dict[str, Any] = {
        "tool": "0.1.0",
        "model": "tiny",
        "model_digest": bytes(16),
        "generation": 1,
        "syntax": "fsq/1",
        "block_frames": BLOCK,
        "gop_blocks": GOP_BLOCKS,
        "coded_size": (64, 48),
        "display_size": (64, 48),
        "source_size": (640, 480),
        "time_base": Fraction(1, 25),
        "frame_rate": Fraction(25),
        "multiple": 16,
        "search": "fast",
        "max_tokens": 10_000,
    }
    return Header(**{**fields, **changes})


def etok(counts: Sequence[int], missed: Sequence[int] = (), last_frames: int = BLOCK, **changes: Any) -> bytes:
    """One block per count; those whose numbers are in `missed` are above the threshold. There are no tokens in it."""
    head, out = header(**changes), io.BytesIO()
    with Writer(out, head) as writer:
        for start in range(0, len(counts), GOP_BLOCKS):
            records = []
            for number in range(start, min(start + GOP_BLOCKS, len(counts))):
                mse = 0.009 if number in missed else 0.0065
                tile = TileRecord(count=counts[number], met=mse <= head.threshold, mse=mse)
                frames = BLOCK if number < len(counts) - 1 else last_frames
                records.append(
                    BlockRecord(frames=frames, tiles=(tile,) * head.geometry.tiles, tile_shares=head.tile_shares)
                )
            total = sum(record.frames for record in records)
            pts = np.arange(start * BLOCK, start * BLOCK + total, dtype=np.int64)
            writer.write_gop(Gop(first_frame=start * BLOCK, pts=pts, blocks=tuple(records), payload=b"", digest=0))
        writer.finish()
    return out.getvalue()


def usage(counts: Sequence[int], missed: Sequence[int] = (), last_frames: int = BLOCK, **changes: Any) -> Usage:
    """The same, read."""
    with Reader(etok(counts, missed, last_frames, **changes), name="tiny.etok") as reader:
        return read_usage(reader)


CLIP = [4000, 900, 820, 780, 2600, 700, 260, 40, 1900, 300, 310, 280, 120, 60, 20]
CLIP_MISSED = [4]

UNMEASURED: dict[str, Any] = {"target": "tokens", "target_value": 8.0, "threshold": 4.0, "extra": {"measured": False}}
