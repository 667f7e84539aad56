"""What is fuzzed: every door through which a file of someone else's comes in. Each target takes an input made from a
seed and a number, and may raise nothing but ElasticTokError, in one line.
"""

from __future__ import annotations

import dataclasses
import io
import json
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from container.example import example
from container.samples import header, small
from models.streams import FSQ, packed, tensors

from elastictok_cli.container import Header, Reader, check_file, decode_gop, etok_of, save_tokens, token_arrays
from elastictok_cli.container import format as fmt
from elastictok_cli.container.chunks import parse_audio, parse_gop, parse_index
from elastictok_cli.container.head import parse_head
from elastictok_cli.entropy.bitstream import token_decoder, token_encoder
from elastictok_cli.errors import ElasticTokError
from elastictok_cli.models.elastic.config import PRESETS, ElasticConfig
from elastictok_cli.models.elastic.convert import plan_tensors
from elastictok_cli.models.elastic.params_index import read_index

from .mutate import chunks_of, lying, mutated

GOLDEN = Path(__file__).parents[1] / "golden"


@cache
def files() -> tuple[bytes, ...]:
    """Seeds: golden files of every plain syntax, and small ones."""
    names = ("v1-fsq-sound", "v1-fsq-vfr", "v1-vae-still", "v1-dct-six")
    return (*((GOLDEN / f"{name}.etok").read_bytes() for name in names), example(), small(1, audio=()))


@cache
def payloads(kind: bytes) -> tuple[bytes, ...]:
    """Of all chunks of one type in the seeds."""
    return tuple(payload for data in files() for found, payload in chunks_of(data) if found == kind)


def read_strictly(data: bytes) -> None:
    """All that a strict reader can be made to do."""
    with Reader(data) as reader:
        check_file(reader)
        _ = reader.chunk_bytes, reader.gop_at(0), reader.header.geometry
        for number, gop in enumerate(reader.gops()):
            reader.gop_name(number)
            if reader.header.syntax in ("fsq/1", "vae/1"):
                list(decode_gop(gop, reader.header, where="tokens"))


def read_what_is_whole(data: bytes) -> None:
    """The same with --recover."""
    with Reader(data, recover=True) as reader:
        check_file(reader)
        _ = reader.chunk_bytes
        for _item in reader.items():
            pass


def _lies(chance: random.Random) -> None:
    read_strictly(lying(chance.choice(files()), chance, files()))


def _lies_recovered(chance: random.Random) -> None:
    read_what_is_whole(lying(chance.choice(files()), chance, files()))


def _bytes_strict(chance: random.Random) -> None:
    read_strictly(mutated(chance.choice(files()), chance, files()))


def _bytes_recovered(chance: random.Random) -> None:
    read_what_is_whole(mutated(chance.choice(files()), chance, files()))


@cache
def _heads() -> tuple[Header, ...]:
    return tuple(Reader(data).header for data in files())


def _head(chance: random.Random) -> None:
    _ = parse_head(mutated(chance.choice(payloads(fmt.HEAD)), chance, payloads(fmt.HEAD)), "x: header").geometry.tiles


def _gop(chance: random.Random) -> None:
    head = chance.choice(_heads())
    gop = parse_gop(mutated(chance.choice(payloads(fmt.GOP)), chance, payloads(fmt.GOP)), head, "x: GOP 0")
    assert gop.frames == sum(block.frames for block in gop.blocks) <= head.gop_blocks * head.block_frames
    assert all(tile.count <= head.max_tokens for block in gop.blocks for tile in block.tiles)


def _audio(chance: random.Random) -> None:
    parse_audio(mutated(chance.choice(payloads(fmt.AUD)), chance, payloads(fmt.AUD)), header(), "x: sound")


def _index(chance: random.Random) -> None:
    entries = parse_index(mutated(chance.choice(payloads(fmt.INDX)), chance), 100, 2000, "x: index")
    assert all(a.offset + a.length < b.offset for a, b in zip(entries, entries[1:], strict=False))


def _tokens(chance: random.Random, syntax: str) -> None:
    head = dataclasses.replace(header(), syntax=syntax, channels=4, max_tokens=1 << 10)
    payload = chance.randbytes(chance.randrange(60)) if chance.random() < 0.3 else b""
    payload = payload or mutated(Reader(chance.choice(files()[:2])).gop(0).payload, chance)
    decoder = token_decoder(payload, head)
    for _ in range(chance.randrange(1, 4)):
        decoder.read(chance.randrange(1, 3), chance.choice((0, 1, 3, 20, 1 << 10)), 0, 0)
    decoder.finish(chance.getrandbits(32))


@cache
def _nano() -> tuple[Any, Header, tuple[bytes, ...]]:
    """Start values, a header of 48x32, and whole GOPs of some noise that moves."""
    from elastictok_cli.models.nano.model import NanoModel
    from elastictok_cli.models.nano.weights import Weights

    model = NanoModel(Weights.untrained(), threads=1)
    tables, spec, made = model.tables, model.spec, []
    head = header(syntax="nano/5", coded_size=(48, 32), multiple=8, tile_hw=None, block_frames=8,
                  num_qindex=spec.num_qindex, max_tokens=48 * 32 * 8, audio=())  # fmt: skip
    noise = np.random.default_rng(0)
    for qindex in (150, 250, 330):
        encoder, state = token_encoder(head, tables), model.start(32, 48)
        still = noise.integers(0, 256, (32, 48, 3), np.uint8)
        for _ in range(2):
            frames = np.stack([np.roll(still, 3 * t, axis=1) for t in range(3)])
            analysis = model.prepare(state, frames)
            block = model.tokens(state, analysis, qindex=qindex)
            encoder.write(block)
            state = model.advance(state, block, analysis)
        made.append(encoder.finish())
    return tables, head, tuple(made)


def _grammar(chance: random.Random) -> None:
    tables, head, seeds = _nano()
    seed = chance.choice(seeds)
    decoder = token_decoder(mutated(seed[: chance.randrange(1, len(seed))], chance, seeds), head, tables)
    for _ in range(2):
        block = decoder.read(chance.randrange(1, 5), 0, chance.randrange(max(1, head.num_qindex)), 0)
        _ = block.count
    decoder.finish(chance.getrandbits(32))


SMALL = dataclasses.replace(
    FSQ, hidden_size=4, intermediate_size=4, num_encoder_layers=1, num_decoder_layers=1, patch_size=(1, 16, 16),
    max_toks=8,
)  # fmt: skip


@cache
def _stream() -> tuple[bytes, tuple[bytes, ...]]:
    pieces = tuple(packed(key, values) for key, values in tensors(SMALL))
    return b"".join(pieces), pieces


def _params(chance: random.Random) -> None:
    whole, pieces = _stream()
    # structure is a small part of the bytes: most changes go to the first bytes of some tensor
    if chance.random() < 0.7:
        at = chance.randrange(len(pieces))
        whole = b"".join(
            (*pieces[:at], mutated(pieces[at][:110], chance, pieces) + pieces[at][110:], *pieces[at + 1 :])
        )
    else:
        whole = mutated(whole, chance, pieces)
    entries = read_index(Path("params"), whole)  # type: ignore[arg-type]  # bytes do for a map of a file
    plan_tensors("params", entries, SMALL)


ODD: tuple[Any, ...] = (
    float("inf"), float("nan"), -1, 0, 0.5, 1 << 70, [], [1, 2, 3], [[1]], "x", "", None, True, {}, {"a": 1}, "9" * 30,
)  # fmt: skip


def _config(chance: random.Random) -> None:
    values: dict[str, Any] = json.loads(PRESETS[chance.choice(("fsq", "vae"))].to_json())
    for key in chance.sample(sorted(values), chance.choice((1, 1, 2))):
        values[key] = chance.choice(ODD)
    ElasticConfig.from_mapping(values)


@cache
def _archive() -> bytes:
    out = io.BytesIO()
    save_tokens(out, token_arrays(Reader(files()[0])))
    return out.getvalue()


def _npz(chance: random.Random) -> None:
    etok_of(io.BytesIO(mutated(_archive(), chance)), "x.npz")


@cache
def _arrays() -> dict[str, Any]:
    return token_arrays(Reader(files()[1]))


def _changed_arrays(chance: random.Random) -> None:
    """A whole archive whose arrays are not what they should be."""
    arrays = dict(_arrays())
    name = chance.choice(sorted(arrays))
    array = np.array(arrays[name])
    match chance.randrange(5):
        case 0:
            array = array[: chance.randrange(len(array) + 1)] if array.ndim else array[None]
        case 1:
            array = (
                array.astype(chance.choice(("u1", "i8", "f4", "f8", "c8", "?")))
                if array.dtype.kind in "iufb"
                else array
            )
        case 2:
            array = array.reshape(-1, 1) if array.size else array
        case 3 if array.size and array.dtype.kind in "iuf" and array.ndim:
            flat = array.reshape(-1)
            with np.errstate(all="ignore"):
                flat[chance.randrange(flat.size)] = np.array(chance.choice((-1, 0, 1 << 62, 3e38))).astype(array.dtype)
        case _:
            array = np.concatenate([array, array]) if array.ndim else array
    arrays[name] = array
    out = io.BytesIO()
    save_tokens(out, arrays)
    out.seek(0)
    etok_of(out, "x.npz")


TARGETS: dict[str, tuple[int, Callable[[random.Random], None]]] = {
    # name: (how often, of 100 inputs; what)
    "strict": (12, _lies),
    "strict-recover": (6, _lies_recovered),
    "bytes": (8, _bytes_strict),
    "bytes-recover": (6, _bytes_recovered),
    "head": (14, _head),
    "gop": (14, _gop),
    "audio": (8, _audio),
    "index": (6, _index),
    "fsq": (4, lambda chance: _tokens(chance, "fsq/1")),
    "vae": (4, lambda chance: _tokens(chance, "vae/1")),
    "nano": (5, _grammar),
    "params": (8, _params),
    "config": (3, _config),
    "npz": (1, _npz),
    "arrays": (1, _changed_arrays),
}
ORDER = [name for name, (often, _) in TARGETS.items() for _ in range(often)]
assert len(ORDER) == 100


def attempt(name: str, chance: random.Random) -> str | None:
    """The kind of error that the target raised, None if it took the input. Raises whatever else came out of it."""
    try:
        TARGETS[name][1](chance)
    except ElasticTokError as error:
        line = str(error)
        if not line or "\n" in line or len(line) > 500:
            raise AssertionError(f"not one line: {line[:500]!r}") from None
        return type(error).__name__
    return None
