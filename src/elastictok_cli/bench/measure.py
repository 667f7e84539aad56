"""One measurement: a clip through the very encoder and decoder of the command line, timed and measured again."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict
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
from ..metrics import Pixels, block_mse, psnr_db
from ..models.base import TokenModel
from ..stages import STAGES
from ..video import Source, open_source
from ..video.ffmpeg import cpu_between, cpu_seconds
from ..video.reference import THREADS, Codec, Pairs, Scores, at_size, point
from .clips import Clip
from .content import content
from .sampler import Sampler

Measure = Callable[[Pairs], Scores]


def measure_elastic(
    clip: Clip,
    target: Target,
    model: TokenModel,
    etok: Path,
    size: str,
    duration: float | None,
    measure: Measure | None = None,
) -> dict[str, Any]:
    """Encode (without sound), decode, and measure what is decoded against the source.

    measure: scores beside the MSE. The answer has everything that a file is judged by: bytes, error, blocks, seconds of
    the clock and of the processor, memory, scores.
    """
    with Sampler() as sampler:
        begin, cpu_begin = time.perf_counter(), cpu_seconds()
        blocks = _encode(clip, target, model, etok, size, duration)
        encode_s, encode_cpu_s = time.perf_counter() - begin, cpu_between(cpu_begin, cpu_seconds())
    with Reader(etok) as reader, open_source(clip.path, size=size, duration=duration) as source:
        header = reader.header
        begin, cpu_begin = time.perf_counter(), cpu_seconds()
        for _ in _decoded(reader, model):
            pass  # timed alone: measuring takes longer than decoding
        decode_s, decode_cpu_s = time.perf_counter() - begin, cpu_between(cpu_begin, cpu_seconds())
        errors: list[float] = []
        scores: Scores = {}
        pairs = _pairs(reader, model, source, errors)
        if measure is not None:
            scores = measure(pairs)
        for _ in pairs:
            pass
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
        "encode_cpu_s": encode_cpu_s,
        "decode_cpu_s": decode_cpu_s,
        "stages_s": {stage: round(float(sampler.seconds[stage]), 3) for stage in STAGES},
        "peak_bytes": sampler.peak_bytes,
        "scores": _finite(scores),
    }


def _encode(
    clip: Clip, target: Target, model: TokenModel, etok: Path, size: str, duration: float | None
) -> list[BlockDone]:
    """Encode a clip without its sound, in as many threads as the other codecs have."""
    settings = EncodeSettings(target=target, size=size, duration=duration, audio=False, threads=THREADS, overwrite=True)
    with closing(encode_file(clip.path, etok, model, settings)) as events:
        return [event for event in events if isinstance(event, BlockDone)]


def _decoded(reader: Reader, model: TokenModel) -> Iterator[DecodedBlock]:
    with closing(decode_blocks(reader, model, audio=False)) as items:
        yield from (item for item in items if isinstance(item, DecodedBlock))


def _pairs(reader: Reader, model: TokenModel, source: Source, errors: list[float]) -> Iterator[tuple[Pixels, Pixels]]:
    """Decoded frames beside the source's. errors: gets the MSE of every block."""
    frames = iter(source.frames())
    for block in _decoded(reader, model):
        wanted = np.stack([next(frames).rgb for _ in block.pts])
        errors.append(block_mse(block.frames, wanted))
        yield from zip(block.frames, wanted, strict=True)


def measure_fixed(
    clip: Clip, tokens: int, model: TokenModel, etok: Path, size: str, duration: float | None
) -> dict[str, Any]:
    """Encode with a fixed number of tokens for every block (tile).

    The error of a block is that of its worst tile: a block meets where all tiles do.
    """
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


def measure_reference(
    clip: Clip, codec: Codec, size: str, duration: float | None, measure: Measure | None = None
) -> dict[str, Any]:
    """Another codec's curve for the same frames: a point (reference.Point) for each of its qualities."""
    opens = at_size(str(clip.path), size, duration)
    points = []
    for quality in codec.qualities:
        points.append(point(codec, quality, opens, measure))
        _leave_real_time()
    return {"curve": [{**asdict(found), "scores": _finite(found.scores)} for found in points]}


def _leave_real_time() -> None:
    """Back to the usual scheduling: where this is root, SVT-AV1 leaves the thread that called it at real-time priority.

    All later measurements of this process would run before everything else on the machine.
    """
    if hasattr(os, "sched_setscheduler"):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def _finite(scores: Scores) -> dict[str, float]:
    """Without those of frames that are the same: JSON has no infinity."""
    return {name: value for name, value in scores.items() if math.isfinite(value)}


def measure_content(clip: Clip, block_frames: int, size: str, duration: float | None) -> dict[str, Any]:
    """Motion and detail of every block of the source."""
    found, block, before = [], [], None
    with open_source(clip.path, size=size, duration=duration) as source:
        for frame in source.frames():
            block.append(frame.rgb)
            if len(block) == block_frames:
                found.append(content(np.stack(block), before))
                block, before = [], block[-1]
    if block:
        found.append(content(np.stack(block), before))
    return {"motion": [motion for motion, _ in found], "detail": [detail for _, detail in found]}
