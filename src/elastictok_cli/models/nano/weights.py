"""The weights of elastictok-nano: start values of the entropy coder's contexts."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ...entropy import rangecoder as rc
from ...errors import UnsupportedFile
from .syntax import SYNTAX
from .syntax import contexts as cx


@dataclass(frozen=True, eq=False)
class Weights:
    """The content of a weights file. contexts: start values, uint16 (contexts.COUNT, 3). digest: see ModelSpec."""

    contexts: npt.NDArray[np.uint16]
    digest: bytes
    generation: int

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, npt.NDArray[Any]], digest: bytes, generation: int) -> Weights:
        """Check tensors by name. Raises ValueError for a missing one, a wrong shape or type, or impossible values."""
        contexts = tensors.get("contexts")
        if contexts is None or contexts.shape != (cx.COUNT, 3) or contexts.dtype != np.uint16:
            raise ValueError(f"contexts must be uint16 ({cx.COUNT}, 3)")
        if contexts[:, rc.SEEN].max() > rc.SEEN_LIMIT:  # an index in compiled code, which does not check it
            raise ValueError(f"a context has seen at most {rc.SEEN_LIMIT} bits")
        return cls(np.ascontiguousarray(contexts), digest, generation)


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
