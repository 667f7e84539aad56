"""The original's parameter stream to a .safetensors file, tensor by tensor: memory stays at that of one
layer's matrix.

Every key and shape is checked against the configuration before a byte is written. Numbers keep their type, so
the file of a bfloat16 checkpoint is half as large and widens to the same float32. The same input gives the
same bytes everywhere, and with them the same digest, which is how an .etok names its model. Neither jax nor
pickle nor torch is used.
"""

from __future__ import annotations

import json
import math
import mmap
import os
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...atomic_file import commit, resolve_output
from ...errors import InputError, OutputError
from .config import ElasticConfig
from .stream import ITEM_SIZES, Entry, read_index

GENERATION = 1  # of the layout below
NAMES = {"float32": "F32", "bfloat16": "BF16"}
SCALE_RANGE = 10.0  # standard deviations of a latent, as the weights let expect it, that 127 steps of int8 reach


@dataclass(frozen=True)
class Part:
    """One tensor of the output: a whole tensor of the input, or one layer (`index`) of a stacked one.

    turned: the original multiplies x @ kernel, torch kernel @ x.
    """

    name: str
    shape: tuple[int, ...]  # as in the input, without the layer axis
    source: str
    index: int | None
    turned: bool


def convert(params: Path, config: ElasticConfig, output: Path, overwrite: bool = False) -> int:
    """Write `output`; returns the number of weights.

    Raises InputError for a file that is damaged, or no parameter stream, or not of this configuration;
    OutputError if the output exists or cannot be written. It appears whole or not at all.
    """
    if os.path.lexists(output) and not overwrite:
        raise OutputError(f"{output}: exists; -f overwrites it")
    try:
        file = params.open("rb")
    except OSError as error:
        raise InputError(f"{params}: {error.strerror}") from None
    with file:
        if os.fstat(file.fileno()).st_size == 0:
            raise InputError(f"{params.name}: the file is empty")
        if output.exists() and output.samefile(params):
            raise OutputError(f"{output}: is the input itself")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            entries = read_index(params, data)
            parts = plan(params.name, entries, config)
            try:
                return _write(params.name, data, entries, parts, config, resolve_output(output))
            except OSError as error:
                raise OutputError(f"{output}: {error.strerror}") from None


def expected(config: ElasticConfig, scanned: bool) -> Iterator[Part]:
    """All tensors that a model of this configuration has. scanned: layers are stacked along a first axis."""
    width, inner = config.hidden_size, config.intermediate_size

    def whole(name: str, source: str, *shape: int, turned: bool = False) -> Part:
        return Part(name, shape, source, None, turned)

    for half, layers in (("encoder", config.num_encoder_layers), ("decoder", config.num_decoder_layers)):
        if half == "encoder":
            yield whole("encoder.is_kept", "encoder/is_kept_embed", 1, width)
            yield whole("encoder.is_masked", "encoder/is_masked_embed", 1, width)
            yield whole("encoder.in_proj.weight", "encoder/in_proj/kernel", config.patch_values, width, turned=True)
            yield whole(
                "encoder.pre_quant.weight",
                "encoder/pre_quant/kernel",
                width,
                config.pre_latent_size,
                turned=True,
            )
        else:
            yield whole(
                "decoder.post_quant.weight",
                "decoder/post_quant/kernel",
                config.latent_size,
                width,
                turned=True,
            )
            yield whole("decoder.out_proj.weight", "decoder/out_proj/kernel", width, config.patch_values, turned=True)
        yield whole(f"{half}.transformer.ln_f.weight", f"{half}/ln_f/kernel", width)
        shapes = {f"attention/{w}": (width, width) for w in ("wq", "wk", "wv", "wo")}
        shapes |= {"feed_forward/w1": (width, inner), "feed_forward/w3": (width, inner)}
        shapes |= {"feed_forward/w2": (inner, width)}
        norms = {"attention_norm": (width,), "ffn_norm": (width,)}
        for layer in range(layers):
            for key, shape in (shapes | norms).items():
                name = f"{half}.transformer.layers.{layer}.{key.replace('/', '.')}.weight"
                stack = "scan_decoder" if scanned else str(layer)  # it says decoder in the encoder too
                source = f"{half}/{half}_blocks/{stack}/{key}/kernel"
                yield Part(name, shape, source, layer if scanned else None, key in shapes)


def plan(name: str, entries: Mapping[str, Entry], config: ElasticConfig) -> list[Part]:
    """What to write, sorted by name. Raises InputError naming a key or shape that is wrong."""
    if not entries:
        raise InputError(f"{name}: holds no weights of an ElasticTok encoder or decoder")
    parts = sorted(expected(config, any("/scan_decoder/" in key for key in entries)), key=lambda part: part.name)
    depth = {"encoder": config.num_encoder_layers, "decoder": config.num_decoder_layers}
    needed = {part.source: part for part in parts}
    missing = sorted(needed.keys() - entries.keys())
    unknown = sorted(entries.keys() - needed.keys())
    for what, keys in (("missing", missing), ("not part of such a model", unknown)):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise InputError(f"{name}: {keys[0]}{more} {what}; is the configuration ({config.name}) the right one?")
    for source, part in needed.items():
        wanted = part.shape if part.index is None else (depth[source.split("/")[0]], *part.shape)
        if entries[source].shape != wanted:
            raise InputError(
                f"{name}: {source} is {_times(entries[source].shape)}, the configuration ({config.name}) "
                f"needs {_times(wanted)}"
            )
    return parts


def _times(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"


def _numbers(data: mmap.mmap, entry: Entry, part: Part) -> npt.NDArray[Any]:
    """The part's numbers as stored, bfloat16 as uint16. A copy: a view would keep the file mapped."""
    dtype = np.dtype("<f4") if entry.dtype == "float32" else np.dtype("<u2")
    if part.index is not None and len(entry.pieces) == 1:
        offset, size = entry.pieces[0]
        size //= entry.shape[0]
        offset += part.index * size
        return np.frombuffer(data[offset : offset + size], dtype).reshape(part.shape)
    flat = np.frombuffer(b"".join(data[at : at + size] for at, size in entry.pieces), dtype)
    values: npt.NDArray[Any] = flat.reshape(entry.shape)
    return values if part.index is None else values[part.index]


def widen(numbers: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """float32 as it is; uint16 as the upper halves of float32, which is what bfloat16 is."""
    if numbers.dtype == np.dtype("<f4"):
        return numbers
    wide: npt.NDArray[np.float32] = (numbers.astype("<u4") << 16).view("<f4")
    return wide


def vae_scale(norm: npt.NDArray[np.float32], kernel: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """Steps of the int8 quantiser for the VAE's means, (size,), from the weights that make them.

    A mean is the product of a normalised vector with a column of weights, so that column's length is about
    its standard deviation (within 2x on the reference data). Rounded up to 1, 1.25, 1.5 or 1.75 times a power
    of two: so coarse that no machine's rounding can change the file.
    """
    deviation = np.sqrt(((norm[:, None].astype(np.float64) * kernel[:, :size]) ** 2).sum(0))
    mantissa, exponent = np.frexp(np.maximum(deviation * SCALE_RANGE / 127, 1e-30))  # mantissa: 0.5 .. 1
    scale: npt.NDArray[np.float32] = np.ldexp(np.ceil(mantissa * 8) / 8, exponent).astype("<f4")
    return scale


def _write(
    name: str,
    data: mmap.mmap,
    entries: Mapping[str, Entry],
    parts: list[Part],
    config: ElasticConfig,
    output: Path,
) -> int:
    header: dict[str, Any] = {"__metadata__": _metadata(config)}
    chunks: list[Callable[[], bytes]] = []
    position = weights = 0

    def add(key: str, dtype: str, shape: tuple[int, ...], size: int, make: Callable[[], bytes]) -> None:
        nonlocal position
        header[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + size]}
        chunks.append(make)
        position += size

    def numbers(part: Part) -> npt.NDArray[Any]:
        return _numbers(data, entries[part.source], part)

    if config.bottleneck_type == "vae":
        named = {part.name: part for part in parts}
        norm = widen(numbers(named["encoder.transformer.ln_f.weight"]))
        scale = vae_scale(norm, widen(numbers(named["encoder.pre_quant.weight"])), config.latent_size)
        add("bottleneck.scale", "F32", scale.shape, scale.nbytes, scale.tobytes)
    for part in parts:
        entry = entries[part.source]
        size = math.prod(part.shape)
        weights += size
        later = partial(_bytes, name, data, entry, part)
        shape = part.shape[::-1] if part.turned else part.shape
        add(part.name, NAMES[entry.dtype], shape, size * ITEM_SIZES[entry.dtype], later)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    temporary = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for make in chunks:
                file.write(make())
            file.flush()
            os.fsync(file.fileno())
        commit(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)
    return weights


def _bytes(name: str, data: mmap.mmap, entry: Entry, part: Part) -> bytes:
    raw = _numbers(data, entry, part)
    if not np.isfinite(widen(raw)).all():
        raise InputError(f"{name}: {part.source} holds numbers that are not finite; the file is damaged")
    return np.ascontiguousarray(raw.T if part.turned else raw).tobytes()


def _metadata(config: ElasticConfig) -> dict[str, str]:
    return {
        "format": "pt",
        "model": config.name,
        "generation": str(GENERATION),
        "syntax": config.syntax,
        "config": config.to_json(),
    }
