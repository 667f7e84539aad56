"""Check a decoder against a conformance set: exact tokens, and pictures within a stated distance.

See docs/reliability.md, "Conformance". A set is a folder of

    NAME.etok        a stream
    NAME.json        what it must decode to (`Expected`)
    NAME.npz         its pictures: "frames", uint8 (T, H, W, 3)
    *.safetensors    models that are not installed
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..container import Header, Reader, decode_gop
from ..entropy.bitstream import find_syntax
from ..errors import ElasticTokError, InputError, UnsupportedFile
from ..models import registry
from ..models.base import TokenModel
from ..models.weights_files import SUFFIX, sha256
from .decoder import decode_blocks
from .gop_decoder import DecodedBlock


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a stream must decode to.

    tokens: the `digest` of each block. peak, rms: the largest and the root-mean-square difference that its pictures may
    have from those in the .npz, in grey levels of 255; None where the set has no pictures.
    """

    tokens: tuple[str, ...]
    peak: int | None = None
    rms: float | None = None

    @classmethod
    def read(cls, path: Path) -> Expected:
        """Read it from a .json file. Raises InputError."""
        try:
            values = json.loads(path.read_bytes())
            tokens = tuple(map(str, values["tokens"]))
            if not (pixels := values.get("pixels")):
                return cls(tokens=tokens)
            return cls(tokens=tokens, peak=int(pixels["peak"]), rms=float(pixels["rms"]))
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(f"{path}: does not say what its stream must decode to") from None


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The result for one stream.

    blocks, frames: how many were compared. peak, rms: measured differences as in `Expected`; None where pictures were
    not compared. problem: what is wrong, "" if nothing is. note: what could not be compared, and why.
    """

    name: str
    blocks: int = 0
    frames: int = 0
    peak: int | None = None
    rms: float | None = None
    problem: str = ""
    note: str = ""


def digest(tiles: tuple[Any, ...]) -> str:
    """Return the digest of one block's tokens: 16 hex digits of a SHA-256.

    It is over frames, count and qindex (u32) and values (little-endian) of every tile.
    """
    total = hashlib.sha256()
    for tile in tiles:
        values = np.asarray(tile.values)
        total.update(struct.pack("<III", tile.frames, len(values), tile.qindex))
        total.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    return total.hexdigest()[:16]


def conform(folder: Path, only: str | None = None) -> Iterator[Outcome]:
    """Check every stream of a set, in the order of their names.

    only: a text; streams without it in their names are left out. Raises InputError if there are no streams, or if what
    they must decode to cannot be read.
    """
    paths = [path for path in sorted(folder.glob("*.etok")) if only is None or only in path.stem]
    if not paths:
        raise InputError(f"{folder}: there are no streams in it" + (f" with {only!r} in their names" if only else ""))
    models = _Models(folder)
    for path in paths:
        expected = Expected.read(path.with_suffix(".json"))
        try:
            yield _check(path, expected, models)
        except ElasticTokError as error:
            yield Outcome(name=path.stem, problem=str(error))


class _Models:
    """The models of a set, and those that are installed. Each is loaded once."""

    def __init__(self, folder: Path) -> None:
        self.paths = {sha256(path)[:32]: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
        self.loaded: dict[bytes, TokenModel] = {}

    def of(self, header: Header) -> TokenModel:
        """Return the model of a file. Raises UnsupportedFile if it, or a library that it needs, is not installed."""
        model = self.loaded.get(header.model_digest)
        if model is None:
            path = self.paths.get(header.model_digest.hex())
            try:
                model = registry.load(path, "cpu") if path else registry.load_for(header, "cpu")
            except ImportError as error:
                raise UnsupportedFile(f"{header.model} needs {error.name}, which is not installed") from None
            self.loaded[header.model_digest] = model
        return model


def _check(path: Path, expected: Expected, models: _Models) -> Outcome:
    with Reader(path, name=path.name) as reader:
        model, note = None, ""
        try:
            model = models.of(reader.header)
        except UnsupportedFile as error:
            if not find_syntax(reader.header.syntax).codes:
                raise
            note = "" if expected.peak is None else f"tokens only: {error}"
        tables, tokens = None if model is None else model.tables, []
        for number, gop in enumerate(reader.gops()):
            blocks = decode_gop(gop, reader.header, tables, f"{path.name}: {reader.gop_name(number)}")
            tokens += [digest(tiles) for tiles in blocks]
        for number, pair in enumerate(zip(tokens, expected.tokens, strict=False)):
            if pair[0] != pair[1]:
                return Outcome(name=path.stem, blocks=number, problem=f"block {number} has other tokens")
        outcome = Outcome(name=path.stem, blocks=len(tokens), note=note)
        if len(tokens) != len(expected.tokens):
            return replace(outcome, note="", problem=f"{len(tokens)} blocks where {len(expected.tokens)} belong")
        if model is None or expected.peak is None or expected.rms is None:
            return outcome
        shown = [item.frames for item in decode_blocks(reader, model) if isinstance(item, DecodedBlock)]
        return _compare(outcome, expected, np.concatenate(shown), _pictures(path.with_suffix(".npz")))


def _compare(
    outcome: Outcome, expected: Expected, frames: npt.NDArray[np.uint8], wanted: npt.NDArray[np.uint8]
) -> Outcome:
    """Compare decoded pictures, uint8 (T, H, W, 3), with those of the set."""
    assert expected.peak is not None and expected.rms is not None
    outcome = replace(outcome, frames=len(frames))
    if frames.shape != wanted.shape:
        return replace(outcome, problem=f"pictures of {frames.shape} where {wanted.shape} belong")
    difference = frames.astype(np.int16) - wanted
    peak, rms = int(np.abs(difference).max()), float(np.sqrt(np.mean(difference.astype(np.float64) ** 2)))
    problem = ""
    if peak > expected.peak or rms > expected.rms:
        problem = f"pictures differ by up to {peak} (rms {rms:.3f}), over {expected.peak} (rms {expected.rms:g})"
    return replace(outcome, peak=peak, rms=rms, problem=problem)


def _pictures(path: Path) -> npt.NDArray[np.uint8]:
    """Read the pictures of a stream, (T, H, W, 3). Raises InputError."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            frames: npt.NDArray[np.uint8] = arrays["frames"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: its pictures cannot be read: {error}") from None
    if frames.dtype != np.uint8 or frames.ndim != 4:
        raise InputError(f"{path}: holds no pictures")
    return frames
