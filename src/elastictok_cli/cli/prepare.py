"""The kernels' one-time compilation: a word to the user, then all of it at once, before any bar is drawn.

Where the result is kept is decided by `kernels`. Without this the first block would take half a minute, and
the bar would stand still.
"""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from .console import Console

if TYPE_CHECKING:
    from ..models.base import TokenModel

PREPARING = "preparing the codec for this machine, once (about half a minute)"


def prepare(model: TokenModel, console: Console) -> None:
    """Compile the kernels if that was never done on this machine. Other models than nano have none."""
    if not model.spec.syntax.startswith("nano/") or os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0"):
        return
    from .. import kernels

    mark = kernels.cache_folder() / f"ready-{_fingerprint(Path(kernels.__file__).parent)}"
    if mark.exists():
        return
    if kernels.cache_note is not None:
        console.note(kernels.cache_note)
    console.note(PREPARING)
    # Numba compiles one function at a time; a second process does its share on the second core.
    search = "elastictok_cli.models.nano.compile_search"
    nowhere = subprocess.DEVNULL
    with subprocess.Popen([sys.executable, "-m", search], stdin=nowhere, stdout=nowhere, stderr=nowhere) as other:
        try:
            warm_up(model, other)
        finally:
            other.kill()
    _touch(mark)


def load_kernels(model: TokenModel) -> None:
    """All that is compiled and that this model uses, into this process."""
    if model.spec.syntax.startswith("nano/"):
        warm_up(model)
        return
    from ..kernels import rangecoder

    contexts = rangecoder.new_contexts(8)
    coder = rangecoder.encoder(64)
    rangecoder.code_tree(*coder, contexts, 0, 1, 3)
    rangecoder.code_tree(*rangecoder.decoder(rangecoder.finish(*coder)), contexts, 0, 0, 3)


def warm_up(model: TokenModel, other: subprocess.Popen[bytes] | None = None) -> None:
    """Run every kernel once: tiny blocks through the model and its entropy coder, there and back.

    other: a process that compiles motion search; what needs it waits for its end.
    """
    from fractions import Fraction

    import numpy as np

    from ..container import Header, token_decoder, token_encoder

    spec = model.spec
    side = 4 * spec.multiple
    header = Header(
        tool="",
        model=spec.name,
        model_digest=spec.digest,
        generation=spec.generation,
        syntax=spec.syntax,
        block_frames=spec.block_frames,
        gop_blocks=spec.gop_blocks,
        coded_size=(side, side),
        display_size=(side, side),
        source_size=(side, side),
        time_base=Fraction(1, 25),
        multiple=spec.multiple,
        steps=spec.steps,
        max_tokens=spec.max_tokens(spec.block_frames, side, side),
    )
    # Noise that moves: residual, motion and skipped parts all occur.
    noise = np.random.default_rng(0).integers(0, 256, (side, side, 3), np.uint8)
    moving = np.stack([np.roll(noise, 2 * t, axis=1) for t in range(spec.block_frames)])
    tables = getattr(model, "tables", None)
    encoder, coded = token_encoder(header, tables), []
    state = model.start(side, side)
    for frames in (moving[:1], moving, moving[::-1], moving[:3]):
        if len(frames) > 1 and other is not None:
            other.wait()
        pixels = np.ascontiguousarray(frames)
        analysis = model.prepare(state, pixels)
        tokens = model.tokens(state, analysis, step=spec.steps // 2)
        tokens = model.tokens(state, analysis, tokens.count // 2, spec.steps // 2)
        model.reconstruct(state, tokens)
        encoder.write(tokens, 0)
        coded.append(tokens)
        state = model.advance(state, tokens, analysis)
    decoder = token_decoder(encoder.finish(), header, tables)
    for tokens in coded:
        decoder.read(tokens.frames, tokens.count, tokens.step, 0)
    decoder.finish(encoder.digest)


def _touch(mark: Path) -> None:
    try:
        mark.touch()
    except OSError:
        return  # then it is said again next time; nothing else depends on it


def _fingerprint(sources: Path) -> str:
    """Of what numba compiles anew for, beside what the folder's name says: place and dates of sources, processor."""
    parts = [str(sources), _processor()]
    parts += [f"{path.name} {path.stat().st_mtime_ns}" for path in sorted(sources.glob("*.py"))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def _processor() -> str:
    """What numba compiles for; its own name for it would need the compiler to be loaded."""
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return next((line for line in file if line.startswith("model name")), platform.machine())
    except OSError:
        return platform.processor()
