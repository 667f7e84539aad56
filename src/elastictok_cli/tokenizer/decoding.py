"""Decode codes, clips side by side: what `decode` shows of the same tokens in a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..codec.tiling import Tiling
from ..entropy.bitstream import CodeTokens, token_decoder
from ..errors import UsageError
from ..models.base import Frames, TokenModel
from .codes import Coded, Codes
from .encoding import groups


def decode_codes(model: TokenModel, codes: Codes) -> Frames:
    """Return uint8 (clips, T, H, W, 3). Raises UsageError for codes of another model, DamagedFile for damaged ones."""
    check_model(model, codes)
    header, tiling = codes.header, Tiling(codes.header)
    shown = np.empty((codes.clips, *codes.shape[-4:]), np.uint8)
    for group in groups(model, tiling, codes.clips):
        blocks = zip(*(_tokens(model, codes, clip) for clip in group), strict=True)
        first, states = 0, []
        previous: list[Any] = []
        for number, (frames, clips) in enumerate(zip(codes.frames.tolist(), blocks, strict=True)):
            tokens = [each for tiles in clips for each in tiles]
            if number % header.gop_blocks == 0:
                states = [model.start(*tiling.tile) for _ in tokens]
            else:
                states = model.advance_many(states, previous, [None] * len(states))
            parts = model.reconstruct_many(states, tokens)
            for row, clip in enumerate(group):
                tiles = parts[row * tiling.tiles : (row + 1) * tiling.tiles]
                shown[clip, first : first + frames] = tiling.join(tiles, model)
            first, previous = first + frames, tokens
    return shown


def check_model(model: TokenModel, codes: Codes) -> None:
    """Raise UsageError unless the codes are of this model."""
    header, spec = codes.header, model.spec
    if (header.model, header.model_digest, header.syntax) != (spec.name, spec.digest, spec.syntax):
        raise UsageError(
            f"codes of {header.model} ({header.model_digest.hex()[:12]}) cannot be decoded by {spec.name} "
            f"({spec.digest.hex()[:12]}); `Tokenizer.from_pretrained` loads the model that made them"
        )


def _tokens(model: TokenModel, codes: Codes, clip: int) -> Iterator[list[Any]]:
    """Yield the tokens of each block of a clip, one entry per tile."""
    blocks, tiles = len(codes.frames), codes.grid[1] * codes.grid[2]
    if codes.coded is not None:
        for block in _stored(model, codes, codes.coded, clip):
            yield block if codes.kept is None else [each.prefix(codes.kept) for each in block]
        return
    at = clip * blocks * tiles
    qindex = codes.qindex.reshape(-1)
    for frames in codes.frames.tolist():
        yield [CodeTokens(codes.values[i], frames, int(qindex[i])) for i in range(at, at + tiles)]
        at += tiles


def _stored(model: TokenModel, codes: Codes, coded: Coded, clip: int) -> Iterator[list[Any]]:
    """Yield the tokens of each block of a clip from the bytes of its GOPs."""
    header, tiles = codes.header, codes.grid[1] * codes.grid[2]
    blocks, size = len(codes.frames), header.gop_blocks
    gops = -(-blocks // size)
    counts = coded.counts.reshape(codes.clips, blocks, tiles)[clip]
    qindex = codes.qindex.reshape(codes.clips, blocks, tiles)[clip]
    for gop in range(gops):
        number = clip * gops + gop
        decoder = token_decoder(coded.payloads[number], header, model.tables, f"codes: clip {clip}, GOP {gop}")
        for block in range(gop * size, min((gop + 1) * size, blocks)):
            yield [
                decoder.read(int(codes.frames[block]), int(counts[block, tile]), int(qindex[block, tile]), tile)
                for tile in range(tiles)
            ]
        decoder.finish(coded.digests[number])
