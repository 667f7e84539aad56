"""The tokens of one clip or a batch of clips in memory, with what is known of each block and tile."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from ..codec.header import header_of
from ..container import Header
from ..container.head import pack_head, parse_head
from ..container.tokenfile import VERSION
from ..entropy.bitstream import find_syntax
from ..errors import DamagedFile, UnsupportedFile, UsageError
from ..models.base import TokenModel
from ..models.pretrained import find_pretrained
from ..models.registry import find_entry, load
from ..types import PathLike
from .files import Arrays, read_arrays, write_arrays
from .places import Places, split
from .video import as_numpy, to_device

Array = npt.NDArray[Any]


@runtime_checkable
class HasModel(Protocol):
    """A `Tokenizer`."""

    model: TokenModel


@dataclass(frozen=True, eq=False)
class Coded:
    """The tokens of all clips as files store them.

    payloads: bytes of every GOP, clip after clip. digests: CRC-32 of the tokens of each. counts: as in `Codes`, of all
    tokens, also those that `Codes.keep` has cut off.
    """

    payloads: tuple[bytes, ...]
    digests: tuple[int, ...]
    counts: npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False, kw_only=True)
class Codes:
    """Tokens, as `Tokenizer.encode` returns them.

    A *place* is one tile of one block of one clip. `grid` is (blocks, tile rows, tile columns); arrays of places have
    the shape of `grid`, with the number of clips before it if the video was a batch.

    values: the tokens of every place, in the order of the arrays' elements: a list of uint16 (count,), or int8
        (count, channels) for models whose token is a small vector.
    counts: int32, tokens of each place.
    mse: float64, error of each place on [-1, 1] as decode shows it; NaN if it was not measured.
    met: bool, the place meets the threshold, or has no more tokens than were asked for.
    qindex: int32, index into the model's quantiser ladder; 0 if the model has none.
    frames: int32 (blocks,), frames of each block.
    shape: of the video, (T, H, W, 3) or (B, T, H, W, 3).
    header: the model's name and digest, sizes of blocks and tiles. nested: fewer tokens of a place decode, too.
    coded: everything that a decoder needs, for models whose values do not say it (nano); else None.
    kept: the count that `keep` cut to; None if it was not called.
    """

    values: list[Array]
    counts: npt.NDArray[np.int32]
    mse: npt.NDArray[np.float64]
    met: npt.NDArray[np.bool_]
    qindex: npt.NDArray[np.int32]
    frames: npt.NDArray[np.int32]
    shape: tuple[int, ...]
    header: Header
    nested: bool
    coded: Coded | None = None
    kept: int | None = None

    @property
    def grid(self) -> tuple[int, int, int]:
        """(blocks, tile rows, tile columns) of each clip."""
        blocks, rows, columns = self.counts.shape[-3:]
        return blocks, rows, columns

    @property
    def clips(self) -> int:
        """Number of clips; 1 for a video that was no batch."""
        return self.shape[0] if len(self.shape) == 5 else 1

    @property
    def total(self) -> int:
        """Number of all tokens."""
        return int(self.counts.sum())

    def __repr__(self) -> str:
        return f"Codes({self.header.model}, video {self.shape}, grid {self.grid}, {self.total:,} tokens)"

    def padded(self, device: Any = None, fill: int = 0) -> tuple[Any, Any]:
        """(values, mask): values filled up to the largest count, and true where a token is.

        values: integers, the shape of `counts` with the largest count behind it, and the channels behind that if a
        token is a vector. mask: bool, without channels. device: None for numpy arrays, else the device of torch
        tensors (int64, which embeddings take).
        """
        most = int(self.counts.max())
        sample = find_syntax(self.header.syntax).empty(self.header.channels)
        values = np.full((len(self.values), most, *sample.shape[1:]), fill, sample.dtype if device is None else "i8")
        mask = np.zeros((len(self.values), most), np.bool_)
        for row, each in enumerate(self.values):
            values[row, : len(each)] = each
            mask[row, : len(each)] = True
        shape = (*self.counts.shape, most)
        return (
            to_device(values.reshape(*shape, *sample.shape[1:]), device),
            to_device(mask.reshape(shape), device),
        )

    def keep(self, count: int) -> Codes:
        """The codes with at most `count` tokens at each place, for a nested model. Errors are then unknown (NaN).

        A last decision that needs more tokens than are left is not shown. Raises UsageError for a model whose tokens
        are not nested, and for a count below 0.
        """
        if not self.nested:
            raise UsageError(
                f"{self.header.model}: a part of its tokens does not decode; "
                f"encode the video again, with `tokens={count}` or `max_tokens={count}`"
            )
        if count < 0:
            raise UsageError(f"`keep` {count}: there cannot be fewer than 0 tokens")
        count = count if self.kept is None else min(count, self.kept)
        cut = self.counts > count
        return replace(
            self,
            values=[each[:count] for each in self.values],
            counts=np.minimum(self.counts, count).astype(np.int32),
            mse=np.full_like(self.mse, np.nan) if cut.any() else self.mse,
            met=self.met & ~cut,
            kept=count,
        )

    def save(self, path: PathLike) -> None:
        """Write an .npz, which appears when it is whole; an existing file is replaced. Raises OutputError.

        `Codes.load` reads it. It holds the arrays of `elastictok tokens`, so `elastictok decode` takes one clip of a
        model whose values say everything.
        """
        write_arrays(path, self.arrays())

    def arrays(self) -> Arrays:
        """The arrays that `save` writes, by their names in the .npz (docs/tokens.md)."""
        blocks, tiles = self.clips * len(self.frames), self.counts.shape[-2] * self.counts.shape[-1]
        gops = np.arange(len(self.frames)) // self.header.gop_blocks
        header = self.header
        if np.isnan(self.mse).any():  # what `decode` must know; `load` sees it in the errors themselves
            header = replace(header, extra={**header.extra, "measured": False})
        arrays: Arrays = {
            "format": np.array(VERSION, np.int32),
            "head": np.frombuffer(pack_head(header), np.uint8),
            "pts": np.arange(self.clips * self.shape[-4], dtype=np.int64),
            "values": np.concatenate(self.values),
            "gop": (np.arange(self.clips)[:, None] * (gops[-1] + 1) + gops).reshape(-1).astype(np.int32),
            "frames": np.tile(self.frames, self.clips),
            "counts": self.counts.reshape(blocks, tiles),
            "steps": self.qindex.reshape(blocks, tiles),
            "met": self.met.reshape(blocks, tiles),
            "mse": self.mse.reshape(blocks, tiles),
            "shape": np.array(self.shape, np.int64),
            "nested": np.array(self.nested),
            "kept": np.array(-1 if self.kept is None else self.kept, np.int64),
        }
        if self.coded is not None:
            arrays["payloads"] = np.frombuffer(b"".join(self.coded.payloads), np.uint8)
            arrays["payload_bytes"] = np.array([len(payload) for payload in self.coded.payloads], np.int64)
            arrays["digests"] = np.array(self.coded.digests, np.uint32)
            arrays["full_counts"] = self.coded.counts.reshape(blocks, tiles)
        return arrays

    @classmethod
    def load(cls, path: PathLike) -> Codes:
        """Read what `save` wrote. Raises InputError, DamagedFile, or UnsupportedFile for tokens of an unknown model."""
        arrays = read_arrays(path)
        try:
            return cls._of(arrays, str(path))
        except KeyError as error:
            raise DamagedFile(f"{path}: not a file of `Codes.save`: it has no {str(error).strip(chr(39))}") from None
        except (ValueError, TypeError, IndexError, OverflowError, UsageError) as error:
            raise DamagedFile(f"{path}: damaged: {error}") from None

    @classmethod
    def _of(cls, arrays: Arrays, name: str) -> Codes:
        if int(arrays["format"]) != VERSION:
            raise UnsupportedFile(f"{name}: version {arrays['format']} is newer than this elastictok reads ({VERSION})")
        header = parse_head(arrays["head"].tobytes(), name)
        header = replace(header, extra={key: it for key, it in header.extra.items() if key != "measured"})
        find_entry(header.model)  # a package outside this one registers the syntax along with its model
        syntax, shape = find_syntax(header.syntax, name), tuple(arrays["shape"].tolist())
        places, kept = Places.of(header, shape), int(arrays["kept"])

        def by_place(key: str, dtype: str) -> Array:
            if arrays[key].dtype.kind != np.dtype(dtype).kind:
                raise ValueError(f"{key} is {arrays[key].dtype}")
            return arrays[key].astype(dtype).reshape(places.shape)

        def checked(counts: Array) -> Array:
            if counts.min() < 0 or counts.max() > header.max_tokens:
                raise ValueError(f"counts of {counts.min()} to {counts.max()}")
            return counts

        counts, coded = checked(by_place("counts", "i4")), None
        if not syntax.codes:
            data, sizes = arrays["payloads"].tobytes(), arrays["payload_bytes"].tolist()
            ends = np.cumsum([0, *sizes]).tolist()
            digests = tuple(arrays["digests"].tolist())
            if len(sizes) != places.clips * places.gops or len(digests) != len(sizes):
                raise ValueError(f"{len(sizes)} GOPs")
            if min(sizes) < 0 or ends[-1] != len(data):
                raise ValueError("its GOPs do not fill its bytes")
            payloads = tuple(data[start:end] for start, end in zip(ends[:-1], ends[1:], strict=True))
            coded = Coded(payloads, digests, checked(by_place("full_counts", "i4")))
        return cls(
            values=split(arrays["values"], counts.reshape(-1).tolist(), header),
            counts=counts,
            mse=by_place("mse", "f8"),
            met=by_place("met", "?"),
            qindex=by_place("steps", "i4"),
            frames=np.array(places.frames, np.int32),
            shape=shape,
            header=header,
            nested=bool(arrays["nested"]),
            coded=coded,
            kept=None if kept < 0 else kept,
        )

    @classmethod
    def from_values(
        cls, values: Any, counts: Any, shape: Sequence[int], *, model: HasModel | TokenModel | PathLike
    ) -> Codes:
        """Codes of bare tokens, such as a language model makes.

        values: the tokens of all places one after the other, integers (tokens,) or (tokens, channels), or a list of one
        array per place; numpy, torch or lists. counts: tokens of each place, in the same order; any shape with as many
        elements as there are places. shape: of the video that they are, (T, H, W, 3) or (B, T, H, W, 3). model: a
        `Tokenizer`, a model or its name. Errors are unknown (NaN), and no place counts as met.

        Raises UsageError for numbers that do not fit, and for a model whose values do not say everything (nano).
        """
        loaded = _model(model)
        spec = loaded.spec
        if not find_syntax(spec.syntax).codes:
            raise UsageError(
                f"{spec.name}: its tokens are decisions of a codec, and their values alone do not decode; "
                "keep what `encode` returned, with `Codes.save`"
            )
        size = tuple(int(side) for side in shape)
        if len(size) not in (4, 5) or min(size) < 1:
            raise UsageError(f"`shape` {size}: that of a video is needed, (T, H, W, 3) or (B, T, H, W, 3)")
        header = replace(header_of(spec, size[-2], size[-3]), extra=dict(loaded.header_fields))
        places, numbers = Places.of(header, size), as_numpy(counts).reshape(-1)
        if numbers.dtype.kind not in "iu" or len(numbers) != places.count:
            raise UsageError(f"`counts` of {len(numbers)} {numbers.dtype}: a video {size} has {places.count} places")
        if numbers.min() < spec.min_tokens or numbers.max() > header.max_tokens:
            raise UsageError(f"`counts` must be {spec.min_tokens} to {header.max_tokens} for {spec.name}")
        return cls(
            values=split(values, numbers.tolist(), header),
            counts=numbers.astype(np.int32).reshape(places.shape),
            mse=np.full(places.shape, np.nan),
            met=np.zeros(places.shape, np.bool_),
            qindex=np.zeros(places.shape, np.int32),
            frames=np.array(places.frames, np.int32),
            shape=size,
            header=header,
            nested=spec.nested,
        )


def _model(model: Any) -> TokenModel:
    if isinstance(model, (str, os.PathLike)):
        return load(find_pretrained(model))
    found = model.model if isinstance(model, HasModel) else model
    if not isinstance(found, TokenModel):
        raise UsageError(f"`model` is a {type(model).__name__}: a Tokenizer, a model or its name is needed")
    return found
