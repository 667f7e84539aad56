"""A model as a tokenizer of tensors: frames in memory to tokens and back, as `encode` and `decode` do it with files."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..codec.header import header_of
from ..codec.prepare import prepare
from ..codec.rdo import BlockSearch
from ..codec.settings import EncodeSettings
from ..codec.target import Target
from ..codec.workers import cores
from ..container import Header
from ..entropy.bitstream import find_syntax
from ..errors import UsageError
from ..models.base import TokenModel
from ..models.pretrained import find_pretrained
from ..models.registry import load
from .codes import Coded, Codes
from .decoding import decode_codes
from .encoding import Lane, encode_lanes
from .places import Places
from .video import Clips, read_video, to_device

logger = logging.getLogger("elastictok_cli")


@dataclass(frozen=True, eq=False, kw_only=True)
class Curve:
    """The error of each place at each count, see `Codes` for what a place is.

    counts: as asked for. mse: float64, the shape of `Codes.counts` with the counts behind it, on [-1, 1]. tokens: int32
    of the same shape, tokens that were used, which may be fewer.
    """

    counts: tuple[int, ...]
    mse: npt.NDArray[np.float64]
    tokens: npt.NDArray[np.int32]


class Tokenizer:
    """A model that tokenizes videos in memory.

        tokenizer = Tokenizer.from_pretrained("elastictok-mini")
        codes = tokenizer.encode(video, threshold=0.007)
        video = tokenizer.decode(codes)

    Tokens, errors and frames are those that the commands `encode` and `decode` give for the same frames, on a CPU to
    the bit, on a GPU up to the order in which floats are added. Clips of a batch, their tiles and the counts of a curve
    go through the network together. A tokenizer is for one thread at a time.
    """

    def __init__(self, model: TokenModel) -> None:
        self.model = model.with_threads(cores())

    @classmethod
    def from_pretrained(
        cls,
        name: str | os.PathLike[str] | None = None,
        *,
        device: str = "auto",
        precision: str = "float32",
        on_prepare: Callable[[str], None] | None = None,
    ) -> Tokenizer:
        """Load a model.

        name: a model's name (`elastictok weights list`), a .safetensors file, a folder that holds one, or org/name of
        a repository on a hub (extra `hub`); None for the bundled model. device: "auto" (a GPU if there is one), "cpu",
        "cuda", "cuda:1" or "mps". precision: "float32", "bf16" or "fp16". on_prepare: called with a line if loops must
        be compiled first, once per machine; the line is logged as well. Raises UsageError, UnsupportedFile, or
        InputError for a repository that cannot be fetched.
        """
        model = load(find_pretrained(name), device, precision)

        def announce(text: str) -> None:
            logger.warning(text)
            if on_prepare is not None:
                on_prepare(text)

        prepare(model, announce)
        return cls(model)

    def __repr__(self) -> str:
        spec = self.model.spec
        return f"Tokenizer({spec.name}, blocks of {spec.block_frames} frames, vocabulary {spec.vocabulary:,})"

    def encode(  # noqa: PLR0913  (the public names of docs/tokenizer)
        self,
        video: Any,
        *,
        threshold: float | None = None,
        psnr: float | None = None,
        tokens: int | None = None,
        max_tokens: int | None = None,
        measure: bool = True,
        search: str = "fast",
        effort: str = "default",
        layout: str | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> Codes:
        """Tokenize a clip or a batch of clips.

        video: numpy array or torch tensor, uint8 (T, H, W, 3) or (B, T, H, W, 3), RGB; any T, H and W, nothing is
        scaled. layout: another order of the axes, such as "BTCHW". value_range: (0, 1) or (-1, 1) for float frames.

        One goal: threshold (mean squared error of every place on [-1, 1]; 0.007 if no goal is given), psnr (in dB), or
        tokens (the same number everywhere). max_tokens: no place gets more, met or not. measure: False, with `tokens`,
        for tokens whose error is not needed: nothing is decoded. search, effort: see `elastictok encode --help`.
        Raises UsageError.
        """
        clips = read_video(video, layout, value_range)
        target = Target.of(threshold=threshold, psnr=psnr, tokens=tokens, measure=measure)
        settings = EncodeSettings(target=target, max_tokens=max_tokens, search=search, effort=effort)
        model = self.model.with_effort(effort)
        header = replace(self._header(clips), target=target.kind, target_value=target.value, threshold=target.limit)
        block_search = BlockSearch(model, settings)
        lanes = [Lane(frames, block_search) for frames in clips.frames]
        encode_lanes(model, header, lanes)
        return self._codes(replace(header, search=search), clips, lanes)

    def decode(self, codes: Codes, *, device: Any = None) -> Any:
        """Return the frames that `elastictok decode` shows: uint8 of `codes.shape`, to the bit on the same device.

        device: None for a numpy array, else the device of a torch tensor. Raises UsageError for codes of another model,
        DamagedFile for codes that were damaged.
        """
        frames = decode_codes(self.model, codes)
        return to_device(frames if len(codes.shape) == 5 else frames[0], device)

    def curve(
        self,
        video: Any,
        *,
        counts: Sequence[int],
        layout: str | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> Curve:
        """Measure each place at each count: what `encode(video, tokens=count)` gives, for all counts together.

        So a block at a count is predicted from the blocks before it at the same count. video, layout, value_range: as
        for `encode`. Raises UsageError.
        """
        if not len(counts):
            raise UsageError("`counts` is empty; give the numbers of tokens to measure at, such as [64, 128, 256]")
        clips = read_video(video, layout, value_range)
        header = self._header(clips)
        searches = [BlockSearch(self.model, EncodeSettings(target=Target.fixed(int(count)))) for count in counts]
        lanes = [Lane(frames, each) for frames in clips.frames for each in searches]
        encode_lanes(self.model, header, lanes)
        shape = Places.of(header, clips.frames.shape).shape[1:]

        def by_place(name: str, dtype: Any) -> npt.NDArray[Any]:
            values = np.array([getattr(lane, name) for lane in lanes], dtype)
            values = np.moveaxis(values.reshape(len(clips.frames), len(searches), *shape), 1, -1)
            return values if clips.batched else values[0]

        return Curve(
            counts=tuple(int(count) for count in counts),
            mse=by_place("mse", np.float64),
            tokens=by_place("counts", np.int32),
        )

    def _header(self, clips: Clips) -> Header:
        height, width = clips.frames.shape[2:4]
        return replace(header_of(self.model.spec, width, height), extra=dict(self.model.header_fields))

    def _codes(self, header: Header, clips: Clips, lanes: Sequence[Lane]) -> Codes:
        shape = clips.frames.shape if clips.batched else clips.frames.shape[1:]
        places = Places.of(header, shape)

        def joined(name: str, dtype: Any) -> npt.NDArray[Any]:
            return np.array([getattr(lane, name) for lane in lanes], dtype).reshape(places.shape)

        counts = joined("counts", np.int32)
        coded = None
        if not find_syntax(header.syntax).codes:
            payloads = tuple(payload for lane in lanes for payload in lane.payloads)
            coded = Coded(payloads, tuple(digest for lane in lanes for digest in lane.digests), counts)
        return Codes(
            values=[values for lane in lanes for values in lane.values],
            counts=counts,
            mse=joined("mse", np.float64),
            met=joined("met", np.bool_),
            qindex=joined("qindex", np.int32),
            frames=np.array(places.frames, np.int32),
            shape=shape,
            header=header,
            nested=self.model.spec.nested,
            coded=coded,
        )
