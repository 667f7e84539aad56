"""The weights of elastictok-nano: start values of the entropy coder's contexts and mixers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...entropy.mixing import COUNT_LIMIT, MAX_INPUTS, WEIGHT_LIMIT, new_contexts, new_weights
from ...errors import UnsupportedFile
from .syntax import SYNTAX
from .syntax import contexts as cx
from .syntax.block import Tables


@dataclass(frozen=True, eq=False)
class Weights:
    """The tensors of the weights file. contexts: uint16 (contexts.COUNT, 2); mixers: int32 (contexts.SETS, 8)."""

    contexts: npt.NDArray[np.uint16]
    mixers: npt.NDArray[np.int32]
    digest: bytes
    generation: int

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]], digest: bytes, generation: int) -> Weights:
        """Raises ValueError if a tensor is missing, has another shape or type, or values that no context has."""
        contexts, mixers = tensors.get("contexts"), tensors.get("mixers")
        if contexts is None or contexts.shape != (cx.COUNT, 2) or contexts.dtype != np.uint16:
            raise ValueError(f"contexts must be uint16 ({cx.COUNT}, 2)")
        if mixers is None or mixers.shape != (cx.SETS, MAX_INPUTS) or mixers.dtype != np.int32:
            raise ValueError(f"mixers must be int32 ({cx.SETS}, {MAX_INPUTS})")
        if contexts[:, 1].max() > COUNT_LIMIT:  # compiled code uses it as an index, unchecked
            raise ValueError(f"a context has seen at most {COUNT_LIMIT} bits")
        if np.abs(mixers.astype(np.int64)).max() > WEIGHT_LIMIT:
            raise ValueError(f"a mixer's weight is at most {WEIGHT_LIMIT}")
        return cls(np.ascontiguousarray(contexts), np.ascontiguousarray(mixers), digest, generation)

    @classmethod
    def untrained(cls) -> Weights:
        """Start values before any training."""
        return cls(new_contexts(cx.COUNT), new_weights(cx.SETS), bytes(16), 5)

    @property
    def tables(self) -> Tables:
        """What the entropy coder starts from."""
        return self.contexts, self.mixers


def read_weights(path: Path) -> Weights:
    """The weights in a .safetensors file. Raises UnsupportedFile if it is damaged or for another syntax."""
    from safetensors import SafetensorError, safe_open

    digest = hashlib.sha256(path.read_bytes()).digest()[:16]
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("syntax") != SYNTAX:
                raise UnsupportedFile(
                    f"{path.name}: made for syntax {metadata.get('syntax')!r}, this version speaks {SYNTAX!r}"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
        return Weights.from_tensors(tensors, digest, int(metadata.get("generation", "0")))
    except (SafetensorError, ValueError) as error:
        raise UnsupportedFile(f"{path.name}: damaged: {str(error).splitlines()[0][:100]}") from None
