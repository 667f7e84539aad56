"""A model of one's own for elastictok: one token per 8x8 patch and frame, the patch's mean colour in 16 bits (RGB565).

    pip install examples/toy_model
    elastictok encode in.mp4 --model toy --threshold 0.05

Any tokenizer fits in the same way: `prepare` runs its encoder, `tokens` cuts its codes, `reconstruct` runs its decoder.
"""

import hashlib

import numpy as np

from elastictok_cli.entropy.bitstream import CodeTokens, Syntax, register_syntax
from elastictok_cli.models.base import ModelSpec, TokenModel
from elastictok_cli.models.registry import register_model

SIDE = 8


class ToyModel(TokenModel):
    """A prefix of the tokens shows the top of every frame; below it, the last frame of the block before stays."""

    spec = ModelSpec(
        name="toy",
        digest=hashlib.sha256(b"toy 1").digest()[:16],
        generation=1,
        syntax="toy/1",
        block_frames=4,
        gop_blocks=4,
        multiple=SIDE,
        vocabulary=1 << 16,
        nested=True,
        tokens_per_frame_pixel=1 / SIDE**2,
    )

    def start(self, height, width):
        return np.full((height, width, 3), 128, np.uint8)

    def prepare(self, state, frames):
        t, h, w, _ = frames.shape
        r, g, b = np.moveaxis(
            frames.reshape(t, h // SIDE, SIDE, w // SIDE, SIDE, 3).mean((2, 4)).astype(np.uint16), 3, 0
        )
        codes = (r >> 3) << 11 | (g >> 2) << 5 | b >> 3
        return codes.transpose(1, 2, 0).reshape(-1), t  # patch by patch, each in all frames

    def tokens(self, state, analysis, count=None, qindex=0):
        codes, frames = analysis
        return CodeTokens(codes[:count], frames)

    def reconstruct(self, state, tokens):
        height, width = state.shape[0] // SIDE, state.shape[1] // SIDE
        before = state[SIDE // 2 :: SIDE, SIDE // 2 :: SIDE].astype(np.uint16)  # every patch has one colour
        shown = np.repeat(before.reshape(-1, 1, 3), tokens.frames, axis=1).reshape(-1, 3)
        codes = tokens.values.astype(np.uint16)
        shown[: tokens.count] = np.stack(
            [codes >> 11 << 3 | 4, (codes >> 5 & 63) << 2 | 2, (codes & 31) << 3 | 4], axis=1
        )
        patches = shown.reshape(height, width, tokens.frames, 3).transpose(2, 0, 1, 3).astype(np.uint8)
        return patches.repeat(SIDE, axis=1).repeat(SIDE, axis=2)

    def advance(self, state, tokens, analysis=None):
        return self.reconstruct(state, tokens)[-1]


class TwoBytes:
    """The bitstream of the tokens: two bytes each, little-endian."""

    def __init__(self, data=b""):
        self.data = data

    @property
    def bits(self):
        return 8 * len(self.data)

    def write(self, tokens, tile):
        self.data += tokens.values.astype("<u2").tobytes()

    def copy(self):
        return TwoBytes(self.data)

    def finish(self):
        return self.data

    def read(self, frames, count, qindex, tile):
        taken, self.data = self.data[: 2 * count], self.data[2 * count :]
        return CodeTokens(np.frombuffer(taken, "<u2").astype(np.uint16), frames, qindex)

    def ended(self):
        return not self.data


register_syntax(
    Syntax(
        name="toy/1",
        encoder=lambda header, tables: TwoBytes(),
        decoder=lambda payload, header, tables, where: TwoBytes(payload),
        codes=True,
        check=lambda values, channels: values.astype(np.uint16),
    )
)


@register_model("toy", about="the mean colour of every 8x8 patch", syntaxes=("toy/1",))
def load(request):
    """The model has no weights; elastictok passes device and precision to those that have."""
    return ToyModel()
