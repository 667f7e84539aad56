"""Converts the original's parameter file to .safetensors, one tensor at a time, so that memory stays small.

Every key and shape is checked against the configuration before a byte is written. Values keep their type: the file of a
bfloat16 checkpoint is half as large, and widens to the same float32. The same input gives the same bytes on every
machine, and so the same digest, by which an .etok names its model. Neither jax nor pickle nor torch is used.
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
from .params_index import ITEM_SIZES, Entry, read_index

GENERATION = 1  # of the layout below
SAFETENSORS_DTYPES = {"float32": "F32", "bfloat16": "BF16"}
SCALE_RANGE = 10.0  # the range of int8, 127 steps, in estimated standard deviations of a latent


@dataclass(frozen=True)
class OutputTensor:
    """One tensor of the output: a tensor of the input, or one layer of a stacked one.

    shape: as in the input, without the layer axis. source: key in the input. layer: index of the layer in a stacked
    tensor, else None. transposed: the original multiplies x @ kernel, torch kernel @ x.
    """

    name: str
    shape: tuple[int, ...]
    source: str
    layer: int | None
    transposed: bool


def convert(params: Path, config: ElasticConfig, output: Path, overwrite: bool = False) -> int:
    """Convert `params` to `output` and return the number of weights. The output appears complete or not at all.

    Raises InputError for a file that is damaged, no parameter file, or of another configuration; OutputError if the
    output exists or cannot be written.
    """
    if os.path.lexists(output) and not overwrite:
        raise OutputError(f"{output}: already exists; -f replaces it")
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
            tensors = plan_tensors(params.name, entries, config)
            try:
                return _write(params.name, data, entries, tensors, config, resolve_output(output))
            except OSError as error:
                raise OutputError(f"{output}: {error.strerror}") from None


def expected_tensors(config: ElasticConfig, scanned: bool) -> Iterator[OutputTensor]:
    """All tensors of a model of this configuration. scanned: layers are stacked along a first axis in the input."""
    width, inner = config.hidden_size, config.intermediate_size

    def single(name: str, source: str, *shape: int, transposed: bool = False) -> OutputTensor:
        return OutputTensor(name, shape, source, None, transposed)

    for half, layers in (("encoder", config.num_encoder_layers), ("decoder", config.num_decoder_layers)):
        if half == "encoder":
            yield single("encoder.is_kept", "encoder/is_kept_embed", 1, width)
            yield single("encoder.is_masked", "encoder/is_masked_embed", 1, width)
            yield single(
                "encoder.in_proj.weight", "encoder/in_proj/kernel", config.patch_values, width, transposed=True
            )
            yield single(
                "encoder.pre_quant.weight",
                "encoder/pre_quant/kernel",
                width,
                config.pre_latent_size,
                transposed=True,
            )
        else:
            yield single(
                "decoder.post_quant.weight",
                "decoder/post_quant/kernel",
                config.latent_size,
                width,
                transposed=True,
            )
            yield single(
                "decoder.out_proj.weight", "decoder/out_proj/kernel", width, config.patch_values, transposed=True
            )
        yield single(f"{half}.transformer.ln_f.weight", f"{half}/ln_f/kernel", width)
        shapes = {f"attention/{w}": (width, width) for w in ("wq", "wk", "wv", "wo")}
        shapes |= {"feed_forward/w1": (width, inner), "feed_forward/w3": (width, inner)}
        shapes |= {"feed_forward/w2": (inner, width)}
        norms = {"attention_norm": (width,), "ffn_norm": (width,)}
        for layer in range(layers):
            for key, shape in (shapes | norms).items():
                name = f"{half}.transformer.layers.{layer}.{key.replace('/', '.')}.weight"
                stack = "scan_decoder" if scanned else str(layer)  # "decoder" in the encoder too
                source = f"{half}/{half}_blocks/{stack}/{key}/kernel"
                yield OutputTensor(name, shape, source, layer if scanned else None, key in shapes)


def plan_tensors(name: str, entries: Mapping[str, Entry], config: ElasticConfig) -> list[OutputTensor]:
    """The tensors to write, sorted by name. Raises InputError for a missing or unknown key or a wrong shape.

    name: of the input, for messages.
    """
    if not entries:
        raise InputError(f"{name}: holds no weights of an ElasticTok encoder or decoder")
    scanned = any("/scan_decoder/" in key for key in entries)
    tensors = sorted(expected_tensors(config, scanned), key=lambda tensor: tensor.name)
    depth = {"encoder": config.num_encoder_layers, "decoder": config.num_decoder_layers}
    needed = {tensor.source: tensor for tensor in tensors}
    missing = sorted(needed.keys() - entries.keys())
    unknown = sorted(entries.keys() - needed.keys())
    for what, keys in (("missing", missing), ("not part of such a model", unknown)):
        if keys:
            more = f" and {len(keys) - 1} more" if len(keys) > 1 else ""
            raise InputError(f"{name}: {keys[0]}{more} {what}; is the configuration ({config.name}) the right one?")
    for source, tensor in needed.items():
        wanted = tensor.shape if tensor.layer is None else (depth[source.split("/")[0]], *tensor.shape)
        if entries[source].shape != wanted:
            raise InputError(
                f"{name}: {source} is {_shape_text(entries[source].shape)}, the configuration ({config.name}) "
                f"needs {_shape_text(wanted)}"
            )
    return tensors


def _shape_text(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "a single number"


def _read_values(data: mmap.mmap, entry: Entry, tensor: OutputTensor) -> npt.NDArray[Any]:
    """The values of a tensor as stored, bfloat16 as uint16. A copy, because a view would keep the file mapped."""
    dtype = np.dtype("<f4") if entry.dtype == "float32" else np.dtype("<u2")
    if tensor.layer is not None and len(entry.pieces) == 1:
        offset, size = entry.pieces[0]
        size //= entry.shape[0]
        offset += tensor.layer * size
        return np.frombuffer(data[offset : offset + size], dtype).reshape(tensor.shape)
    flat = np.frombuffer(b"".join(data[at : at + size] for at, size in entry.pieces), dtype)
    values: npt.NDArray[Any] = flat.reshape(entry.shape)
    return values if tensor.layer is None else values[tensor.layer]


def to_float32(values: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """float32 unchanged; uint16 as bfloat16, the upper half of a float32."""
    if values.dtype == np.dtype("<f4"):
        return values
    wide: npt.NDArray[np.float32] = (values.astype("<u4") << 16).view("<f4")
    return wide


def vae_scale(norm: npt.NDArray[np.float32], kernel: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
    """The quantisation steps of the VAE's means, float32 (size,), from the weights that compute them.

    norm: (width,), of the last RMS norm. kernel: (width, 2 size). A mean is the product of a normalised vector with a
    column of weights, so the length of that column is about its standard deviation (within 2x on reference data).
    Steps are rounded up to 1, 1.25, 1.5 or 1.75 times a power of two, so that rounding on another machine gives the
    same file.
    """
    deviation = np.sqrt(((norm[:, None].astype(np.float64) * kernel[:, :size]) ** 2).sum(0))
    mantissa, exponent = np.frexp(np.maximum(deviation * SCALE_RANGE / 127, 1e-30))  # mantissa: 0.5 .. 1
    scale: npt.NDArray[np.float32] = np.ldexp(np.ceil(mantissa * 8) / 8, exponent).astype("<f4")
    return scale


def _write(
    name: str,
    data: mmap.mmap,
    entries: Mapping[str, Entry],
    tensors: list[OutputTensor],
    config: ElasticConfig,
    output: Path,
) -> int:
    header: dict[str, Any] = {"__metadata__": _metadata(config)}
    chunks: list[Callable[[], bytes]] = []
    position = weights = 0

    def add(key: str, dtype: str, shape: tuple[int, ...], size: int, read: Callable[[], bytes]) -> None:
        nonlocal position
        header[key] = {"dtype": dtype, "shape": list(shape), "data_offsets": [position, position + size]}
        chunks.append(read)
        position += size

    def values(tensor: OutputTensor) -> npt.NDArray[Any]:
        return _read_values(data, entries[tensor.source], tensor)

    if config.bottleneck_type == "vae":
        named = {tensor.name: tensor for tensor in tensors}
        norm = to_float32(values(named["encoder.transformer.ln_f.weight"]))
        scale = vae_scale(norm, to_float32(values(named["encoder.pre_quant.weight"])), config.latent_size)
        add("bottleneck.scale", "F32", scale.shape, scale.nbytes, scale.tobytes)
    for tensor in tensors:
        entry = entries[tensor.source]
        size = math.prod(tensor.shape)
        weights += size
        read_later = partial(_tensor_bytes, name, data, entry, tensor)
        shape = tensor.shape[::-1] if tensor.transposed else tensor.shape
        add(tensor.name, SAFETENSORS_DTYPES[entry.dtype], shape, size * ITEM_SIZES[entry.dtype], read_later)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    temporary = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(struct.pack("<Q", len(text)) + text)
            for read in chunks:
                file.write(read())
            file.flush()
            os.fsync(file.fileno())
        commit(temporary, output)
    finally:
        temporary.unlink(missing_ok=True)
    return weights


def _tensor_bytes(name: str, data: mmap.mmap, entry: Entry, tensor: OutputTensor) -> bytes:
    raw = _read_values(data, entry, tensor)
    if not np.isfinite(to_float32(raw)).all():
        raise InputError(f"{name}: {tensor.source} holds numbers that are not finite; the file is damaged")
    return np.ascontiguousarray(raw.T if tensor.transposed else raw).tobytes()


def _metadata(config: ElasticConfig) -> dict[str, str]:
    return {
        "format": "pt",
        "model": config.name,
        "generation": str(GENERATION),
        "syntax": config.syntax,
        "config": config.to_json(),
    }
