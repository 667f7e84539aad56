"""One measurement: a clip through the very encoder and decoder of the command line, timed and measured again."""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from ..codec.decoder import decode_blocks
from ..codec.events import BlockDone
from ..codec.gop_decoder import DecodedBlock
from ..codec.pipeline import encode_file
from ..codec.settings import EncodeSettings
from ..codec.target import Target
from ..container import Reader
from ..metrics import block_mse, psnr_db
from ..models.base import TokenModel
from ..stages import STAGES
from ..video import Source, open_source
from ..video.reference import CODECS, at_size, point
from .clips import Clip
from .content import content
from .sampler import Sampler


def measure_elastic(
    clip: Clip, target: Target, model: TokenModel, etok: Path, size: str, duration: float | None
) -> dict[str, Any]:
    """Encode (without sound), decode, and measure what is decoded against the source.

    Everything that a file is judged by is in the answer: bytes, error, blocks, seconds, memory.
    """
    with Sampler() as sampler:
        begin = time.perf_counter()
        blocks = _encode(clip, target, model, etok, size, duration)
        encode_s = time.perf_counter() - begin
    with Reader(etok) as reader, open_source(clip.path, size=size, duration=duration) as source:
        header = reader.header
        decode_s, errors = _decoded(reader, model, source)
    frames = sum(block.frames for block in blocks)
    size_bytes, (width, height) = etok.stat().st_size, header.coded_size
    mse = sum(error * block.frames for error, block in zip(errors, blocks, strict=True)) / frames
    return {
        **_blocks(blocks),
        "width": width,
        "height": height,
        "frames": frames,
        "seconds": frames / float(header.frame_rate) if header.frame_rate else None,
        "block_frames": header.block_frames,
        "bytes": size_bytes,
        "bpp": 8 * size_bytes / (frames * width * height),
        "mse": mse,
        "psnr_db": psnr_db(mse) if mse else None,
        "worst_block_mse": max(errors),
        "encode_s": round(encode_s, 3),
        "decode_s": round(decode_s, 3),
        "stages_s": {stage: round(float(sampler.seconds[stage]), 3) for stage in STAGES},
        "peak_bytes": sampler.peak_bytes,
    }


def _encode(
    clip: Clip, target: Target, model: TokenModel, etok: Path, size: str, duration: float | None
) -> list[BlockDone]:
    """Encode a clip without its sound."""
    settings = EncodeSettings(target=target, size=size, duration=duration, audio=False, threads=2, overwrite=True)
    with closing(encode_file(clip.path, etok, model, settings)) as events:
        return [event for event in events if isinstance(event, BlockDone)]


def _decoded(reader: Reader, model: TokenModel, source: Source) -> tuple[float, list[float]]:
    """(seconds that decoding took, error of every block measured again)."""
    seconds, frames = 0.0, iter(source.frames())
    errors: list[float] = []
    with closing(decode_blocks(reader, model, audio=False)) as items:
        while True:
            begin = time.perf_counter()
            item = next(items, None)
            seconds += time.perf_counter() - begin
            if item is None:
                return seconds, errors
            if isinstance(item, DecodedBlock):
                wanted = np.stack([next(frames).rgb for _ in item.pts])
                errors.append(block_mse(item.frames, wanted))


def measure_fixed(
    clip: Clip, tokens: int, model: TokenModel, etok: Path, size: str, duration: float | None
) -> dict[str, Any]:
    """The same model with a fixed number of tokens for every block (tile). Its error is that of its worst tile: a block
    meets where all tiles do."""
    blocks = _encode(clip, Target.fixed(tokens), model, etok, size, duration)
    with Reader(etok) as reader:
        worst = [max(tile.mse for tile in block.tiles) for block in reader.blocks()]
    return {**_blocks(blocks), "block_mse": worst}


def _blocks(blocks: list[BlockDone]) -> dict[str, Any]:
    return {
        "block_frames_each": [block.frames for block in blocks],
        "tiles": len(blocks[0].counts),
        "tokens": [block.tokens for block in blocks],
        "max_tokens": [block.max_tokens for block in blocks],
        "block_mse": [block.mse for block in blocks],
        "met": [block.met for block in blocks],
        "evaluations": [len(block.probes) for block in blocks],
    }


def measure_reference(clip: Clip, codec: str, size: str, duration: float | None) -> dict[str, Any]:
    """Another codec's curve for the same frames: bytes and error at each of its qualities."""
    opens = at_size(str(clip.path), size, duration)
    points = [point(codec, quality, opens) for quality in CODECS[codec].qualities]
    return {"curve": [[p.quality, p.bytes, p.mse] for p in points]}


def measure_content(clip: Clip, block_frames: int, size: str, duration: float | None) -> dict[str, Any]:
    """Motion and detail of every block of the source."""
    motion, detail, block, before = [], [], [], None
    with open_source(clip.path, size=size, duration=duration) as source:
        for frame in source.frames():
            block.append(frame.rgb)
            if len(block) == block_frames:
                found = content(np.stack(block), before)
                motion.append(found[0])
                detail.append(found[1])
                block, before = [], block[-1]
    if block:
        found = content(np.stack(block), before)
        motion.append(found[0])
        detail.append(found[1])
    return {"motion": motion, "detail": detail}
