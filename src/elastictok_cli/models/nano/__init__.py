"""elastictok-nano, the bundled model (docs/nano.md)."""

from __future__ import annotations

import hashlib
from pathlib import Path

from safetensors import safe_open

from ...errors import UnsupportedFile
from .model import NAME, SYNTAX, NanoModel, Weights

__all__ = ["NAME", "SYNTAX", "NanoModel", "Weights", "load"]


def load(path: Path) -> NanoModel:
    """The model with the weights of a .safetensors file. Raises UnsupportedFile if they are for another syntax."""
    digest = hashlib.sha256(path.read_bytes()).digest()[:16]
    with safe_open(path, framework="numpy") as file:
        metadata = file.metadata() or {}
        if metadata.get("syntax") != SYNTAX:
            raise UnsupportedFile(
                f"{path.name}: made for syntax {metadata.get('syntax')!r}, this version speaks {SYNTAX!r}"
            )
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    try:
        weights = Weights.from_tensors(tensors, digest, int(metadata.get("generation", "0")))
    except ValueError as error:
        raise UnsupportedFile(f"{path.name}: {error}") from error
    return NanoModel(weights)
