"""What a job with a slow model will take, said before it starts, and refused if the memory cannot hold it.

Only for models whose spec says that they are slow.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..container.memory import machine_bytes
from ..errors import UsageError
from .console import Console, clock, plural, size

if TYPE_CHECKING:
    from ..container import Header
    from ..models.base import TokenModel

_ANSWERS = (0.25, 0.2, 0.3, 0.27)  # of the most, in blocks one after the other

DECODING = 0.5  # of an evaluation: its decoder half


def is_slow(model: TokenModel) -> bool:
    """A candidate takes long enough to be told by itself."""
    return model.spec.slow


def forecast(
    model: TokenModel, header: Header, frames: int | None, decoding: bool, console: Console, passes: int = 1
) -> None:
    """Say how long it may take; nothing for a fast model. frames: None if unknown. passes: over the source, at most.

    Raises UsageError if what the model remembers of the blocks before does not fit into the machine.
    """
    if not is_slow(model):
        return
    tiles = header.geometry.tiles
    _check_memory(model, header, tiles, decoding)
    each = model.evaluation_s()
    tries = DECODING if decoding else evaluations(header)
    block = tries * each * tiles
    name, parts = header.model, plural(tiles, "tile")
    if frames is None:
        console.line(f"{name}: {_about(block)} for each block of {parts}")
        return
    blocks = -(-frames // header.block_frames)
    most = f"at most {passes} passes of " if passes > 1 else ""
    text = f"{name}: {most}{_about(block * blocks)} for {plural(blocks, 'block')} of {parts}"
    if not decoding:
        text += f" (about {tries:.3g} tries of {each:.2g} s for each tile)"
    console.line(text)


def evaluations(header: Header) -> float:
    """Mean number of candidates that the search tries per tile.

    Counted on curves that fall as the count grows, with some noise, and answers around a quarter of the most.
    """
    from ..search import Span, run, strategy

    if header.target == "tokens":
        return 1.0 if header.is_measured else 0.5  # of an encoder and a decoder pass, see codec/rdo.py
    span = Span(1, max(1, header.max_tokens), log=True)
    found, total = None, 0
    for part in _ANSWERS:
        threshold = _error(part * span.high)
        found = run(strategy(header.search)(span, threshold, found), _error)
        total += len(found.probes)
    return total / len(_ANSWERS)


def _error(count: float) -> float:
    return float(count**-0.7 * (1 + 0.02 * math.sin(count)))


def _check_memory(model: TokenModel, header: Header, tiles: int, decoding: bool) -> None:
    kept = (header.gop_blocks - 1) / max(1, model.spec.gop_blocks - 1)  # the last block's past is not kept
    need = model.past_bytes * tiles * kept * (DECODING if decoding else 1)
    there = model.device_bytes or machine_bytes()
    if there is None or need <= there:
        return
    height, width = header.geometry.tile_hw
    way = (
        "decode on a larger machine"
        if decoding
        else f"--size {width}x{height} has one tile, --gop {max(1, header.gop_blocks // 2)} remembers less"
    )
    raise UsageError(
        f"{header.model} needs {size(need)} of memory for the past of {plural(tiles, 'tile')}, "
        f"and there are {size(there)}; {way}"
    )


def _about(seconds: float) -> str:
    return f"about {seconds:.2g} s" if seconds < 60 else f"about {clock(seconds)}"
