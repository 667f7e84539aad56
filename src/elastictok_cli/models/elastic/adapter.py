"""The original models through the interface of base.py: blocks of frames to tokens and back, with a past.

What the original does not say is settled here:
- A block with fewer frames than the model takes is filled up by repeating its last one, which for a single
  frame is the original's own rule for images. Only the frames that were there are shown and measured.
- Shown pixels are rounded; the original truncates, which darkens every picture by half a step (`truncate`).
- The VAE's latents are stored as int8 steps; everything after the encoder sees what was stored.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...entropy.bitstream import CodeTokens
from ...errors import UnsupportedFile
from ..base import Frames, ModelSpec, TokenModel, Tokens
from .bitstream import FSQ_LEVELS
from .bottleneck import VAE
from .config import ElasticConfig
from .layers import Past, longer
from .network import Elastic

GENERATION = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class ElasticSpec(ModelSpec):
    """A block always has all its places, however many of its frames are shown."""

    def max_tokens(self, frames: int, height: int, width: int) -> int:
        """The most tokens of one block or tile."""
        return super().max_tokens(self.block_frames, height, width)


@dataclass(frozen=True, eq=False)
class ElasticAnalysis:
    """A block's source. patches: float32 (1, tokens, values). frames: how many were there."""

    patches: Tensor
    frames: int


@dataclass(frozen=True, eq=False)
class ElasticState:
    """Keys and values of the blocks before, for both halves; None at the start.

    A decoder has no encoder half. `made` keeps the last pass of either half with the tokens that it belongs
    to, so that a block that is committed right after it was tried costs nothing more. `undecoded` are blocks
    that nobody has asked to see yet: the decoder half lags behind by them, and never runs if nobody does.
    """

    block: int = 0
    encoder: Past | None = None
    decoder: Past | None = None
    undecoded: tuple[Tokens, ...] = ()
    made: dict[str, tuple[object, Past]] = field(default_factory=dict)


class ElasticModel(TokenModel):
    """An original model, FSQ or VAE. digest: of the weights file, see ModelSpec.

    Raises UnsupportedFile for a model that can run, but whose tokens no .etok can hold.
    """

    def __init__(self, network: Elastic, digest: bytes, device: str | torch.device = "cpu") -> None:
        config = network.config
        if config.bottleneck_type == "fsq" and config.fsq_quant_levels != FSQ_LEVELS:
            raise UnsupportedFile(f"{config.name}: tokens of levels {config.fsq_quant_levels}, not {FSQ_LEVELS}")
        self.config: ElasticConfig = config
        self.device = torch.device(device)
        self.network = network.to(self.device).eval().requires_grad_(False)
        side = config.resolution
        self._spec = ElasticSpec(
            name=config.name,
            digest=digest,
            generation=GENERATION,
            syntax=config.syntax,
            block_frames=config.frames_per_block,
            gop_blocks=config.gop_blocks,
            multiple=side,
            tile=(side, side),
            channels=1 if config.bottleneck_type == "fsq" else config.latent_size,
            max_gop_blocks=config.gop_blocks,
            slow=True,
            vocabulary=int(np.prod(config.fsq_quant_levels)) if config.bottleneck_type == "fsq" else 256,
            min_tokens=config.min_toks,
            tokens_per_frame_pixel=config.max_toks / (config.frames_per_block * side * side),
        )

    @property
    def spec(self) -> ModelSpec:
        """See ModelSpec."""
        return self._spec

    @property
    def header_fields(self) -> dict[str, Any]:
        """The quantiser's step of every dimension, and the precision if it is not float32."""
        bottleneck = self.network.bottleneck
        said: dict[str, Any] = {"scale": bottleneck.scale.tolist()} if isinstance(bottleneck, VAE) else {}
        if self.precision != "float32":
            # What was measured in another precision is only shown again in that one.
            said["precision"] = self.precision
        return said

    @property
    def precision(self) -> str:
        """float32, bfloat16 or float16."""
        return str(self.network.encoder.is_kept.dtype).removeprefix("torch.")

    def work(self, block: int) -> float:
        """Floating point operations of one evaluation (encoder and decoder) of a GOP's block `block`."""
        c, tokens = self.config, self.config.max_toks
        layer = 4 * c.hidden_size**2 + 3 * c.hidden_size * c.intermediate_size
        attention = 2 * c.hidden_size * tokens * (block + 1)  # products with keys, and with values
        return 2.0 * tokens * (c.num_encoder_layers + c.num_decoder_layers) * (layer + attention)

    @torch.inference_mode()
    def evaluation_s(self) -> float:
        """Seconds of one evaluation, the mean over a GOP's blocks: one layer is run and the rest is counted.

        For telling the user before a long job; right within a factor of two or so.
        """
        c = self.config
        x = torch.zeros(1, c.max_toks, c.hidden_size, device=self.device, dtype=self.network.encoder.is_kept.dtype)
        angles = torch.zeros(c.max_toks, c.head_size // 2, device=self.device)
        layer, times = self.network.encoder.transformer.layers[0], []
        for _ in range(2):  # the first run also pays for what is set up once
            clock = time.perf_counter()
            float(layer(x, (angles, angles), None)[0].sum())  # waits for a GPU to finish
            times.append(time.perf_counter() - clock)
        first = min(times) * (c.num_encoder_layers + c.num_decoder_layers)
        return first * sum(self.work(block) for block in range(c.gop_blocks)) / (c.gop_blocks * self.work(0))

    @property
    def past_bytes(self) -> int:
        """Memory of one tile's past at the end of a GOP when encoding; a decoder has only its half."""
        c = self.config
        item = self.network.encoder.is_kept.element_size()
        rows = (c.gop_blocks - 1) * c.max_toks * (c.num_encoder_layers + c.num_decoder_layers)
        return 2 * rows * c.hidden_size * item

    @property
    def device_bytes(self) -> int | None:
        """Memory of the GPU that the model is on; None if it is on none."""
        return torch.cuda.mem_get_info(self.device)[1] if self.device.type == "cuda" else None

    def start(self, height: int, width: int) -> ElasticState:
        """A GOP without a past. Raises ValueError if the tile is not of the model's size."""
        if (height, width) != self._spec.tile:
            raise ValueError(f"a tile of {width}x{height} for a model of {self.config.resolution}")
        return ElasticState()

    @torch.inference_mode()
    def prepare(self, state: ElasticState, frames: Frames) -> ElasticAnalysis:
        """Patches of the block; frames: uint8 (T, side, side, 3), T from 1 to the model's."""
        missing = self.config.frames_per_block - len(frames)
        whole = np.concatenate([frames, np.repeat(frames[-1:], missing, 0)]) if missing else frames
        patches = self.network.patches(torch.from_numpy(np.ascontiguousarray(whole))[None].to(self.device))
        return ElasticAnalysis(patches, len(frames))

    @torch.inference_mode()
    def tokens(
        self, state: ElasticState, analysis: ElasticAnalysis, count: int | None = None, step: int = 0
    ) -> CodeTokens:
        """One encoder pass under the mask of this count."""
        count = self.config.max_toks if count is None else min(count, self.config.max_toks)
        latents, new = self.network.encode(analysis.patches, self._mask(count), self._source_past(state))
        values = self.network.bottleneck.tokens(latents[0, :count])
        tokens = CodeTokens(values.astype(np.uint16 if self._spec.channels == 1 else np.int8), analysis.frames)
        self._keep(state, "encoder", tokens, new)
        return tokens

    @torch.inference_mode()
    def reconstruct(self, state: ElasticState, tokens: Tokens) -> Frames:
        """One decoder pass: uint8 (T, side, side, 3)."""
        patches, new = self.network.decode(self._latents(tokens), self._decoded_past(state))
        self._keep(state, "decoder", tokens, new)
        return to_bytes(self.network.pixels(patches)[0, : tokens.frames])

    @torch.inference_mode()
    def advance(self, state: ElasticState, tokens: Tokens, analysis: ElasticAnalysis | None = None) -> ElasticState:
        """The state behind the block. Nothing is computed twice if these tokens were the last to be tried."""
        if self._last(state):
            return ElasticState(state.block + 1)  # the GOP is over; a thousand megabytes of past are not needed
        source = None
        if analysis is not None:
            before = self._source_past(state)
            of, new = state.made.get("encoder", (None, None))
            if of is not tokens or new is None:
                _, new = self.network.encode(analysis.patches, self._mask(tokens.count), before)
            source = longer(before, new)
        of, new = state.made.get("decoder", (None, None))
        if of is tokens and new is not None:
            return ElasticState(state.block + 1, source, longer(self._decoded_past(state), new))
        if "past" in state.made:
            return ElasticState(state.block + 1, source, state.made["past"][1], (tokens,))
        return ElasticState(state.block + 1, source, state.decoder, (*state.undecoded, tokens))

    def _decoded_past(self, state: ElasticState) -> Past | None:
        """The decoder half up to this block; what it lags behind is decoded now, once."""
        if "past" in state.made:
            return state.made["past"][1]
        past = state.decoder
        if state.block and past is None and not state.undecoded:
            raise ValueError(f"a GOP of this model has {self.config.gop_blocks} blocks at most")
        for tokens in state.undecoded:
            past = longer(past, self.network.decode(self._latents(tokens), past)[1])
        if past is not None:
            state.made["past"] = (None, past)
        return past

    def _last(self, state: ElasticState) -> bool:
        return state.block + 1 >= self.config.gop_blocks

    def _keep(self, state: ElasticState, half: str, tokens: object, new: Past) -> None:
        if not self._last(state):
            state.made[half] = (tokens, new)

    def _source_past(self, state: ElasticState) -> Past | None:
        if state.block and state.encoder is None:
            raise ValueError("a state that was advanced without the source can only decode")
        return state.encoder

    def _mask(self, count: int) -> Tensor:
        return (torch.arange(self.config.max_toks, device=self.device) < count)[None]

    def _latents(self, tokens: Tokens) -> Tensor:
        """(1, max_toks, latent size), zero behind the last token."""
        latents = torch.zeros(1, self.config.max_toks, self.config.latent_size)
        latents[0, : tokens.count] = self.network.bottleneck.latents(tokens.values)
        return latents.to(self.device)


def to_bytes(pixels: Tensor) -> Frames:
    """Float pixels on [-1, 1] to uint8, rounded."""
    frames: Frames = ((pixels + 1) * 127.5).round().clamp(0, 255).to(torch.uint8).cpu().numpy()
    return frames


def truncate(pixels: Tensor) -> Frames:
    """As the original saves them: cut off, not rounded."""
    frames: Frames = ((pixels.clamp(-1, 1) + 1) * 127.5).to(torch.uint8).cpu().numpy()
    return frames
