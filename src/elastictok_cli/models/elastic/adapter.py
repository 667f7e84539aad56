"""The original models through the interface of models/base.py: blocks of frames to tokens and back.

Choices that the original leaves open:
- A block of fewer frames than the model takes is filled by repeating its last frame. For a single frame this is the
  original's own rule for images. Only the source's own frames are shown and measured.
- Shown pixels are rounded. The original truncates them, which darkens every picture by half a level
  (`to_uint8_truncated`).
- The VAE's latents are stored as int8 multiples of a scale. Everything after the encoder uses the stored values.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...entropy.bitstream import CodeTokens
from ...errors import UnsupportedFile
from ..base import Frames, ModelSpec, TokenModel, Tokens
from .batching import in_batches
from .bottleneck import VAE
from .codes import FSQ_LEVELS
from .config import ElasticConfig
from .first_count import MIN_SHARE, PATCH_THRESHOLD, TOKENS_PER_PATCH, is_cut, needed_share
from .layers import KvCache, extend_cache
from .network import Elastic
from .pixels import to_uint8
from .refine import refined
from .state import ElasticAnalysis, ElasticState

GENERATION = 1


@dataclass(frozen=True, eq=False, kw_only=True)
class ElasticSpec(ModelSpec):
    """The specification of an original model. A block of fewer frames has as many tokens as a full one."""

    def max_tokens(self, frames: int, height: int, width: int) -> int:
        """The most tokens of one block or tile: that of a block of all its frames."""
        return super().max_tokens(self.block_frames, height, width)


class ElasticModel(TokenModel):
    """An original model, FSQ or VAE.

    digest: of the weights file, see ModelSpec. Raises UnsupportedFile if the syntax cannot code the model's tokens.
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
            tile_hw=(side, side),
            channels=1 if config.bottleneck_type == "fsq" else config.latent_size,
            max_gop_blocks=config.gop_blocks,
            slow=True,
            filters=config.seam_width > 0,
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
        """The scale of every latent dimension (VAE), and the precision if it is not float32."""
        bottleneck = self.network.bottleneck
        fields: dict[str, Any] = {"scale": bottleneck.scale.tolist()} if isinstance(bottleneck, VAE) else {}
        if self.precision != "float32":
            # The pixels that were measured are only decoded again in the same precision.
            fields["precision"] = self.precision
        return fields

    @property
    def precision(self) -> str:
        """The type of the weights: float32, bfloat16 or float16."""
        return str(self.network.encoder.is_kept.dtype).removeprefix("torch.")

    def flops(self, block: int) -> float:
        """Floating point operations of one evaluation (encoder and decoder) of block `block` of a GOP."""
        c, tokens = self.config, self.config.max_toks
        layer = 4 * c.hidden_size**2 + 3 * c.hidden_size * c.intermediate_size
        attention = 2 * c.hidden_size * tokens * (block + 1)  # with keys, and with values
        return 2.0 * tokens * (c.num_encoder_layers + c.num_decoder_layers) * (layer + attention)

    @torch.inference_mode()
    def evaluation_s(self) -> float:
        """Seconds of one evaluation, the mean over the blocks of a GOP, to within a factor of about two.

        One layer is timed; the others are estimated from their operations.
        """
        c = self.config
        x = torch.zeros(1, c.max_toks, c.hidden_size, device=self.device, dtype=self.network.encoder.is_kept.dtype)
        angles = torch.zeros(c.max_toks, c.head_size // 2, device=self.device)
        layer, times = self.network.encoder.transformer.layers[0], []
        for _ in range(2):  # the first run includes one-time setup
            clock = time.perf_counter()
            float(layer(x, (angles, angles), None)[0].sum())  # .sum() waits for a GPU
            times.append(time.perf_counter() - clock)
        first = min(times) * (c.num_encoder_layers + c.num_decoder_layers)
        return first * sum(self.flops(block) for block in range(c.gop_blocks)) / (c.gop_blocks * self.flops(0))

    @property
    def past_bytes(self) -> int:
        """Bytes of one tile's two caches at the end of a GOP when encoding. A decoder has one of them."""
        c = self.config
        item_bytes = self.network.encoder.is_kept.element_size()
        rows = (c.gop_blocks - 1) * c.max_toks * (c.num_encoder_layers + c.num_decoder_layers)
        return 2 * rows * c.hidden_size * item_bytes

    @property
    def device_bytes(self) -> int | None:
        """Memory of the model's GPU in bytes, None on a CPU."""
        return torch.cuda.mem_get_info(self.device)[1] if self.device.type == "cuda" else None

    def first_count(self, source: Frames, threshold: float, before: Frames | None) -> int | None:
        """Where the search starts: by the detail of a block that has no past, or is behind a cut."""
        if before is not None and not is_cut(source, before):
            return None
        share = needed_share(source, PATCH_THRESHOLD * threshold, self.config.patch_size[1:])
        return round(self.config.max_toks * max(MIN_SHARE, TOKENS_PER_PATCH * share))

    @torch.inference_mode()
    def post_filter(self, frames: Frames) -> Frames:
        """Filter the seams between patches and tiles, if the model can. frames: uint8 (T, H, W, 3), joined tiles."""
        if self.network.seams is None:
            return frames
        # frame by frame: the activations of a large picture take a hundred megabytes
        pixels = torch.from_numpy(frames).to(self.device)
        return np.concatenate([to_uint8(self.network.filtered(frame[None])) for frame in pixels])

    def start(self, height: int, width: int) -> ElasticState:
        """The state at the start of a GOP. Raises ValueError if the tile has not the model's size."""
        if (height, width) != self._spec.tile_hw:
            raise ValueError(f"a tile of {width}x{height} for a model of {self.config.resolution}")
        return ElasticState()

    def prepare(self, state: ElasticState, frames: Frames) -> ElasticAnalysis:
        """Patches of a block. frames: uint8 (T, side, side, 3), T from 1 to frames_per_block."""
        return self.prepare_many([state], [frames])[0]

    def tokens(
        self, state: ElasticState, analysis: ElasticAnalysis, count: int | None = None, qindex: int = 0
    ) -> Tokens:
        """One encoder pass with the first `count` tokens kept, None for all."""
        return self.tokens_many([state], [analysis], [count], [qindex])[0]

    def reconstruct(self, state: ElasticState, tokens: Tokens) -> Frames:
        """One decoder pass: uint8 (T, side, side, 3)."""
        return self.reconstruct_many([state], [tokens])[0]

    def advance(self, state: ElasticState, tokens: Tokens, analysis: ElasticAnalysis | None = None) -> ElasticState:
        """The state after the block. No pass is repeated if these tokens were the last that were tried."""
        return self.advance_many([state], [tokens], [analysis])[0]

    @torch.inference_mode()
    def prepare_many(self, states: Sequence[ElasticState], sources: Sequence[Frames]) -> list[ElasticAnalysis]:
        """`prepare` for each state with its source, in one pass."""
        if not sources:
            return []
        filled = []
        for frames in sources:
            missing = self.config.frames_per_block - len(frames)
            filled.append(np.concatenate([frames, np.repeat(frames[-1:], missing, 0)]) if missing else frames)
        patches = self.network.patches(torch.from_numpy(np.stack(filled)).to(self.device))
        return [ElasticAnalysis(patches[i : i + 1], len(frames)) for i, frames in enumerate(sources)]

    @torch.inference_mode()
    def tokens_many(
        self,
        states: Sequence[ElasticState],
        analyses: Sequence[ElasticAnalysis],
        counts: Sequence[int | None],
        qindexes: Sequence[int],
    ) -> list[Tokens]:
        """`tokens` for each state, in as few passes as memory allows."""
        most = self.config.max_toks
        kept = [most if count is None else min(count, most) for count in counts]
        found: list[Tokens] = []
        passes = self._encoded(states, analyses, kept)
        for state, analysis, count, (latents, new) in zip(states, analyses, kept, passes, strict=True):
            values = self.network.bottleneck.tokens(latents[0, :count])
            tokens = CodeTokens(values.astype(np.uint16 if self._spec.channels == 1 else np.int8), analysis.frames)
            self._keep(state, "encoder", tokens, new)
            found.append(tokens)
        return found

    def refine_many(
        self,
        states: Sequence[ElasticState],
        analyses: Sequence[ElasticAnalysis],
        tokens: Sequence[Tokens],
    ) -> list[Tokens]:
        """Tokens fitted to the decoder, one tile after the other: about fifty passes each."""
        found: list[Tokens] = []
        pasts = self._decoder_pasts(states)
        for past, analysis, each in zip(pasts, analyses, tokens, strict=True):
            latents = refined(self.network, analysis.patches, self._latents(each), each.count, past)
            values = self.network.bottleneck.tokens(latents[0, : each.count])
            found.append(CodeTokens(values.astype(each.values.dtype), each.frames))
        return found

    @torch.inference_mode()
    def reconstruct_many(self, states: Sequence[ElasticState], tokens: Sequence[Tokens]) -> list[Frames]:
        """`reconstruct` for each state with its tokens, in as few passes as memory allows."""
        shown = []
        passes = self._decoded(tokens, self._decoder_pasts(states))
        for state, each, (patches, new) in zip(states, tokens, passes, strict=True):
            self._keep(state, "decoder", each, new)
            shown.append(to_uint8(self.network.pixels(patches)[0, : each.frames]))
        return shown

    @torch.inference_mode()
    def advance_many(
        self,
        states: Sequence[ElasticState],
        tokens: Sequence[Tokens],
        analyses: Sequence[ElasticAnalysis | None],
    ) -> list[ElasticState]:
        """`advance` for each state. Encoder passes that are missing are made together."""
        missing = [
            (state, each, analysis)
            for state, each, analysis in zip(states, tokens, analyses, strict=True)
            if analysis is not None and not self._last(state) and state.passed("encoder", each) is None
        ]
        if missing:
            counts = [each.count for _, each, _ in missing]
            passes = self._encoded([state for state, _, _ in missing], [analysis for _, _, analysis in missing], counts)
            for (state, each, _), (_, new) in zip(missing, passes, strict=True):
                self._keep(state, "encoder", each, new)
        return [self._advanced(*each) for each in zip(states, tokens, analyses, strict=True)]

    def _advanced(self, state: ElasticState, tokens: Tokens, analysis: ElasticAnalysis | None) -> ElasticState:
        if self._last(state):
            return ElasticState(state.block + 1)  # the GOP ends here: its caches, about a gigabyte, are not needed
        encoder = None
        if analysis is not None:
            new = state.passed("encoder", tokens)
            assert new is not None, "advance_many has made the pass"
            encoder = extend_cache(self._encoder_past(state), new)
        shown = state.passed("decoder", tokens)
        if shown is not None:
            (past,) = self._decoder_pasts([state])
            return ElasticState(state.block + 1, encoder, extend_cache(past, shown))
        if "past" in state.last_pass:
            return ElasticState(state.block + 1, encoder, state.last_pass["past"][1], (tokens,))
        return ElasticState(state.block + 1, encoder, state.decoder, (*state.undecoded, tokens))

    def _encoded(
        self, states: Sequence[ElasticState], analyses: Sequence[ElasticAnalysis], counts: Sequence[int]
    ) -> list[tuple[Tensor, KvCache]]:
        """Latents, (1, max_toks, latent_size), and new keys and values of each."""

        def encode(patches: Tensor, mask: Tensor | None, past: KvCache | None) -> tuple[Tensor, KvCache]:
            assert mask is not None
            return self.network.encode(patches, mask, past)

        masks = [self._mask(count) for count in counts]
        return in_batches(
            encode, [each.patches for each in analyses], masks, [self._encoder_past(state) for state in states]
        )

    def _decoded(self, tokens: Sequence[Tokens], pasts: Sequence[KvCache | None]) -> list[tuple[Tensor, KvCache]]:
        """Patches and new keys and values of each."""
        return in_batches(
            lambda latents, _, past: self.network.decode(latents, past),
            [self._latents(each) for each in tokens],
            None,
            pasts,
        )

    def _decoder_pasts(self, states: Sequence[ElasticState]) -> list[KvCache | None]:
        """The decoder's cache of each up to this block. Blocks that are not decoded yet are decoded now, once."""
        behind: dict[int, ElasticState] = {}
        for state in states:
            if "past" not in state.last_pass and state.undecoded:
                behind[id(state)] = state
            elif state.block and state.decoder is None and not state.undecoded:
                raise ValueError(f"a GOP of this model has {self.config.gop_blocks} blocks at most")
        for number in range(max((len(state.undecoded) for state in behind.values()), default=0)):
            group = [state for state in behind.values() if number < len(state.undecoded)]
            pasts = [state.last_pass["past"][1] if number else state.decoder for state in group]
            passes = self._decoded([state.undecoded[number] for state in group], pasts)
            for state, past, (_, new) in zip(group, pasts, passes, strict=True):
                state.last_pass["past"] = (None, extend_cache(past, new))
        return [state.last_pass["past"][1] if "past" in state.last_pass else state.decoder for state in states]

    def _last(self, state: ElasticState) -> bool:
        return state.block + 1 >= self.config.gop_blocks

    def _keep(self, state: ElasticState, network: str, tokens: object, new: KvCache) -> None:
        if not self._last(state):
            state.last_pass[network] = (tokens, new)

    def _encoder_past(self, state: ElasticState) -> KvCache | None:
        if state.block and state.encoder is None:
            raise ValueError("a state that was advanced without the source can only decode")
        return state.encoder

    def _mask(self, count: int) -> Tensor:
        return (torch.arange(self.config.max_toks, device=self.device) < count)[None]

    def _latents(self, tokens: Tokens) -> Tensor:
        """The decoder's input: float32 (1, max_toks, latent_size), zero after the last token."""
        latents = torch.zeros(1, self.config.max_toks, self.config.latent_size)
        latents[0, : tokens.count] = self.network.bottleneck.latents(tokens.values)
        return latents.to(self.device)
