"""Whether this decoder, on this machine, makes of a set of streams what it must: the same tokens to the last bit, and
pictures within a stated distance (docs/reliability.md, "Conformance").

    NAME.etok     a stream                                  NAME.npz    "frames": uint8 (T, H, W, 3), its pictures
    NAME.json     what must come out of it (`Expected`)     *.safetensors    models of the set that are not installed
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Expected:
    """tokens: a digest for each block (`digest`). peak, rms: how far pictures may lie from those in the .npz, in grey
    levels of 255; None where the set has no pictures."""

    tokens: tuple[str, ...]
    peak: int | None = None
    rms: float | None = None

    @classmethod
    def read(cls, path: Path) -> Expected:
        """Raises InputError."""
        try:
            said = json.loads(path.read_bytes())
            pixels = said.get("pixels")
            limits = (int(pixels["peak"]), float(pixels["rms"])) if pixels else (None, None)
            return cls(tuple(map(str, said["tokens"])), *limits)
        except OSError as error:
            raise InputError(f"{path}: {error.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise InputError(f"{path}: does not say what its stream must decode to") from None


@dataclass(frozen=True)
class Outcome:
    """One stream. blocks, frames: compared. peak, rms: measured, None where pictures were not compared. problem: what
    is wrong, "" if nothing is. note: what could not be compared, and why."""

    name: str
    blocks: int
    frames: int
    peak: int | None
    rms: float | None
    problem: str = ""
    note: str = ""


def digest(tiles: tuple[Any, ...]) -> str:
    """Of one block's tokens: SHA-256 over frames, count and step (u32) and values (little-endian) of every tile."""
    total = hashlib.sha256()
    for tile in tiles:
        values = np.asarray(tile.values)
        total.update(struct.pack("<III", tile.frames, len(values), tile.step))
        total.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    return total.hexdigest()[:16]


def conform(folder: Path, only: str | None = None) -> Iterator[Outcome]:
    """Decode every stream of a set. only: those whose name has this in it. Raises InputError if there is none."""
    names = [path for path in sorted(folder.glob("*.etok")) if only is None or only in path.stem]
    if not names:
        raise InputError(f"{folder}: there are no streams in it" + (f" with {only!r} in their names" if only else ""))
    models = _Models(folder)
    for path in names:
        expected = Expected.read(path.with_suffix(".json"))
        try:
            yield _check(path, expected, models)
        except ElasticTokError as error:
            yield Outcome(path.stem, 0, 0, None, None, str(error))


class _Models:
    """Of the set first, then those of this machine; each loaded once."""

    def __init__(self, folder: Path) -> None:
        self.here = {sha256(path)[:32]: path for path in sorted(folder.glob(f"*{SUFFIX}"))}
        self.loaded: dict[bytes, TokenModel] = {}

    def of(self, header: Header) -> TokenModel:
        """Raises UnsupportedFile if it is not here, or needs what is not."""
        found = self.loaded.get(header.model_digest)
        if found is None:
            path = self.here.get(header.model_digest.hex())
            try:
                found = registry.load(path, "cpu") if path else registry.load_for(header, "cpu")
            except ImportError as error:
                raise UnsupportedFile(f"{header.model} needs {error.name}, which is not installed") from None
            self.loaded[header.model_digest] = found
        return found


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
                return Outcome(path.stem, number, 0, None, None, f"block {number} has other tokens")
        if len(tokens) != len(expected.tokens):
            return Outcome(
                path.stem, len(tokens), 0, None, None, f"{len(tokens)} blocks where {len(expected.tokens)} belong"
            )
        if model is None or expected.peak is None or expected.rms is None:
            return Outcome(path.stem, len(tokens), 0, None, None, "", note)
        shown = [item.frames for item in decode_blocks(reader, model) if isinstance(item, DecodedBlock)]
        wanted = _pictures(path.with_suffix(".npz"))
        frames = np.concatenate(shown)
        if frames.shape != wanted.shape:
            problem = f"pictures of {frames.shape} where {wanted.shape} belong"
            return Outcome(path.stem, len(tokens), len(frames), None, None, problem)
        apart = frames.astype(np.int16) - wanted
        peak, rms = int(np.abs(apart).max()), float(np.sqrt(np.mean(apart.astype(np.float64) ** 2)))
        problem = ""
        if peak > expected.peak or rms > expected.rms:
            problem = f"pictures differ by up to {peak} (rms {rms:.3f}), over {expected.peak} (rms {expected.rms:g})"
        return Outcome(path.stem, len(tokens), len(frames), peak, rms, problem)


def _pictures(path: Path) -> npt.NDArray[np.uint8]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            frames: npt.NDArray[np.uint8] = arrays["frames"]
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{path}: its pictures cannot be read: {error}") from None
    if frames.dtype != np.uint8 or frames.ndim != 4:
        raise InputError(f"{path}: holds no pictures")
    return frames
