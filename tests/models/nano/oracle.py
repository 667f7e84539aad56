"""Run with NUMBA_DISABLE_JIT=1 by test_oracle.py: prints digests of the results of the plain Python functions."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import numpy as np

from elastictok_cli.entropy import rangecoder as rc
from elastictok_cli.models.nano.bitstream import GopDecoder, GopEncoder
from elastictok_cli.models.nano.model import NanoModel
from elastictok_cli.models.nano.syntax import contexts as cx
from elastictok_cli.models.nano.weights import Weights
from models.nano.clips import frames


def digests() -> list[str]:
    """Encode 3 + 2 frames of 32x48, write, read, reconstruct; one digest per stage."""
    start = rc.new_contexts(cx.COUNT)
    model = NanoModel(Weights(start, b"", 0), threads=1)
    state, encoder = model.start(32, 48), GopEncoder(start)
    clip = frames(10, 5, 96, 160, 32, 48)
    out = []
    for block, qindex in ((clip[:3], 190), (clip[3:], 230)):
        tokens = model.tokens(state, model.prepare(state, block), qindex=qindex)
        encoder.write(tokens)
        state = model.advance(state, tokens)
        out.append(f"tokens {tokens.crc():08x} {tokens.count}")
    payload = encoder.finish()
    out.append(f"bytes {hashlib.sha256(payload).hexdigest()[:16]}")
    decoder, state = GopDecoder(payload, start, 32, 48), model.start(32, 48)
    for count, qindex in ((3, 190), (2, 230)):
        tokens = decoder.read(count, 0, qindex)
        shown = model.reconstruct(state, tokens)
        state = model.advance(state, tokens)
        out.append(f"pixels {hashlib.sha256(np.ascontiguousarray(shown)).hexdigest()[:16]} {tokens.crc():08x}")
    out.append(f"ended {decoder.ended()}")
    return out


if __name__ == "__main__":
    print("\n".join(digests()))
