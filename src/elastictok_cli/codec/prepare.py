"""Compile a model's loops once per machine, before the first block: that takes half a minute, and is announced.

jit.py says where the result is kept.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

from ..container import Header
from ..models.base import ModelSpec, TokenModel
from .header import header_of

PREPARING = "preparing the codec for this machine, once (about half a minute)"
PREPARING_DECODER = "preparing the decoder for this machine, once (some seconds)"


def prepare(model: TokenModel, announce: Callable[[str], None], *, decoding: bool = False) -> None:
    """Compile the model's loops if that was never done on this machine.

    announce: called with one line for the user before it starts; not called if there is nothing to do. decoding: only
    what a decode runs.
    """
    if not model.spec.compiles or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return
    from .. import jit

    fingerprint = _fingerprint(jit.sources())
    mark = jit.cache_folder() / f"ready-{fingerprint}"
    decoder_mark = jit.cache_folder() / f"ready-to-decode-{fingerprint}"
    if mark.exists() or (decoding and decoder_mark.exists()):
        return
    if jit.cache_note is not None:
        announce(jit.cache_note)
    if decoding:
        announce(PREPARING_DECODER)
        _warm_up_decoder(model)
        _touch(decoder_mark)
        return
    announce(PREPARING)
    quiet = subprocess.DEVNULL
    # Numba compiles one function at a time; other processes do their share on other cores. The decoder is compiled
    # here, and what they compiled is loaded after that.
    with ExitStack() as stack:
        helpers = []
        for module in model.spec.compiles:
            command = [sys.executable, "-m", module]
            helpers.append(stack.enter_context(subprocess.Popen(command, stdin=quiet, stdout=quiet, stderr=quiet)))
            stack.callback(helpers[-1].kill)
        _warm_up_decoder(model)
        for helper in helpers:
            helper.wait()
        _warm_up(model)
    _touch(mark)


def load_compiled(model: TokenModel) -> None:
    """Load everything that is compiled and that this model uses into this process."""
    if model.spec.compiles:
        _warm_up(model)
        return
    import numpy as np

    from ..entropy.bitstream import CodeTokens, find_syntax, token_decoder, token_encoder

    syntax, header = find_syntax(model.spec.syntax), _small_header(model.spec)
    if syntax.codes:
        one = CodeTokens(np.zeros((1, *syntax.empty(header.channels).shape[1:]), syntax.dtype), 1)
        encoder = token_encoder(header)
        encoder.write(one)
        token_decoder(encoder.finish(), header).read(1, 1)


def _warm_up(model: TokenModel) -> None:
    """Run everything that is compiled once: tiny blocks through the model and its entropy coder, there and back."""
    import numpy as np

    from ..entropy.bitstream import token_decoder, token_encoder

    spec, header = model.spec, _small_header(model.spec)
    height, width = header.geometry.height, header.geometry.width
    # Noise that moves: residual, motion and skipped blocks all occur.
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    moving = np.stack([np.roll(noise, 2 * t, axis=1) for t in range(spec.block_frames)])
    encoder, coded = token_encoder(header, model.tables), []
    state = model.start(height, width)
    for frames in (moving[:1], moving, moving[::-1], moving[:3]):
        pixels = np.ascontiguousarray(frames)
        analysis = model.prepare(state, pixels)
        tokens = model.tokens(state, analysis, qindex=spec.num_qindex // 2)
        tokens = model.tokens(state, analysis, tokens.count // 2, spec.num_qindex // 2)
        model.reconstruct(state, tokens)
        encoder.write(tokens, 0)
        coded.append(tokens)
        state = model.advance(state, tokens, analysis)
    decoder = token_decoder(encoder.finish(), header, model.tables)
    for tokens in coded:
        decoder.read(tokens.frames, tokens.count, tokens.qindex, 0)
    decoder.finish(encoder.digest)


def _warm_up_decoder(model: TokenModel) -> None:
    """Run everything that a decode runs once. The tokens are what zeros decode to: no encoder is needed for them."""
    from ..entropy.bitstream import find_syntax

    spec, header = model.spec, _small_header(model.spec)
    decoder = find_syntax(spec.syntax).decoder(bytes(64), header, model.tables, spec.name)
    state = model.start(header.geometry.height, header.geometry.width)
    for frames in (1, spec.block_frames):
        tokens = decoder.read(frames, 0, spec.num_qindex // 2, 0)
        model.reconstruct(state, tokens)
        state = model.advance(state, tokens)
        assert tokens.count >= 0  # counting is compiled, too


def _small_header(spec: ModelSpec) -> Header:
    """The header of a small file of this model: one tile, or four by four of the units that frames are padded to."""
    height, width = spec.tile_hw or (4 * spec.multiple, 4 * spec.multiple)
    return header_of(spec, width, height)


def _touch(mark: Path) -> None:
    try:
        mark.touch()
    except OSError:
        return  # then it is said again next time; nothing else depends on it


def _fingerprint(sources: Sequence[Path]) -> str:
    """Digest of what makes numba compile again: the path and date of each source, and the processor."""
    parts = [_processor(), *(f"{path} {path.stat().st_mtime_ns}" for path in sources)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _processor() -> str:
    """What numba compiles for; its own name for it would need the compiler to be loaded."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next((line for line in file if line.startswith("model name")), platform.machine())
    except OSError:
        return platform.processor()
