"""Parameter streams in the original's format, with random weights, written by hand."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from elastictok_cli.models.elastic.config import ElasticConfig
from elastictok_cli.models.elastic.convert import expected_tensors

FSQ = ElasticConfig(
    name="tiny-fsq",
    bottleneck_type="fsq",
    hidden_size=32,
    intermediate_size=48,
    num_encoder_layers=2,
    num_decoder_layers=3,
    num_attention_heads=2,
    rms_norm_eps=1e-5,
    theta=5e7,
    patch_size=(1, 8, 8),
    frames_per_block=2,
    resolution=32,
    max_toks=32,
    min_toks=4,
    max_sequence_length=128,
)
VAE = replace(
    FSQ,
    name="tiny-vae",
    bottleneck_type="vae",
    vae_bottleneck_dim=5,
    theta=5e6,
    patch_size=(2, 8, 8),
    max_toks=16,
)

Tensor = tuple[str, npt.NDArray[np.float32]]


def tensors(config: ElasticConfig, seed: int = 0, scanned: bool = True) -> Iterator[Tensor]:
    """Random weights under the original's keys, stacked by layer or not."""
    rng = np.random.default_rng(seed)
    depth = {"encoder": config.num_encoder_layers, "decoder": config.num_decoder_layers}
    for part in {part.source: part for part in expected_tensors(config, scanned)}.values():
        shape = part.shape if part.layer is None else (depth[part.source.split("/")[0]], *part.shape)
        if part.transposed:
            values = rng.standard_normal(shape, np.float32) / np.sqrt(np.float32(part.shape[0]))
        elif "embed" in part.source:
            values = rng.standard_normal(shape, np.float32) * np.float32(0.6)
        else:
            values = 1 + rng.standard_normal(shape, np.float32) * np.float32(0.3)
        yield part.source, values * np.float32(3 if "pre_quant" in part.source else 1)


def packed_text(text: str) -> bytes:
    return bytes([0xD9, len(text)]) + text.encode()


def packed_bytes(data: bytes) -> bytes:
    return b"\xc6" + struct.pack(">I", len(data)) + data


def packed_list(items: Iterable[bytes]) -> bytes:
    items = list(items)
    return bytes([0x90 | len(items)]) + b"".join(items)


def packed_uint(value: int) -> bytes:
    return b"\xce" + struct.pack(">I", value)


def packed_array(values: npt.NDArray[np.float32], bf16: bool = False) -> bytes:
    """The extension value of one tensor."""
    raw = (values.view("<u4") >> 16).astype("<u2").tobytes() if bf16 else values.astype("<f4").tobytes()
    shape = packed_list(packed_uint(size) for size in values.shape)
    inner = packed_list([shape, packed_text("bfloat16" if bf16 else "float32"), packed_bytes(raw)])
    return b"\xc9" + struct.pack(">I", len(inner)) + b"\x01" + inner


def packed(key: str, values: npt.NDArray[np.float32], bf16: bool = False) -> bytes:
    """One object of the stream."""
    return packed_list(
        [packed_list(packed_text(part) for part in key.split("/")), packed_bytes(packed_array(values, bf16))]
    )


def write_params(path: Path, config: ElasticConfig, seed: int = 0, bf16: bool = False, scanned: bool = True) -> Path:
    """A whole stream, tensor by tensor."""
    with path.open("wb") as file:
        for key, values in tensors(config, seed, scanned):
            file.write(packed(key, values, bf16))
    return path
