"""Encode and decode a tiny clip and damaged bytes, and print what came out. Run with and without the JIT."""

from __future__ import annotations

import hashlib

import numpy as np

from elastictok_cli.models.nano.model import NanoModel
from elastictok_cli.models.nano.syntax.block import GopDecoder, GopEncoder
from elastictok_cli.models.nano.weights import Weights

from .clips import coded, moving


def main() -> None:
    """Plain Python also checks every index, which compiled code does not."""
    model = NanoModel(Weights.untrained(), threads=1)
    encoder = GopEncoder(model.tables)
    digest = hashlib.sha256()
    for _, tokens, shown in coded(model, moving(3, 24, 32), 280, encoder):
        digest.update(tokens.values.tobytes() + tokens.places.tobytes() + shown.tobytes())
        digest.update(model.reconstruct(model.start(24, 32), tokens.prefix(tokens.count // 2)).tobytes())
    digest.update(encoder.finish())
    print("coded", digest.hexdigest())
    digest = hashlib.sha256()
    for seed in range(6):
        payload = np.random.default_rng(seed).integers(0, 256, 120, dtype=np.uint8).tobytes()
        state = model.start(24, 40)
        read = GopDecoder(payload, model.tables, 24, 40).read(3, 0, 80 * seed)
        digest.update(read.values.tobytes() + model.reconstruct(state, read).tobytes())
    print("damaged", digest.hexdigest())


if __name__ == "__main__":
    main()
