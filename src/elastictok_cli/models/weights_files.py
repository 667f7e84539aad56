"""Weights files: where they lie, and what they say about themselves.

Weights are .safetensors files whose metadata names their model. They lie in the package, or in a folder of the user's,
`folders.home()`, where `weights pull` and `weights convert` put theirs.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ..errors import UnsupportedFile, UsageError
from ..folders import home

SUFFIX = ".safetensors"
MAX_NAME = 100  # characters
MAX_HEADER = 100 << 20  # bytes, as the safetensors library allows


@dataclass(frozen=True, kw_only=True)
class WeightsFile:
    """What a weights file says about itself. digest: SHA-256 of all of it, hex; an .etok keeps 16 bytes."""

    path: Path
    model: str
    generation: int
    syntax: str
    bytes: int
    digest: str


def packaged_weights(name: str) -> Path:
    """The weights of a model that comes with the package. Raises UnsupportedFile if they are missing."""
    here = Path(__file__).resolve()
    for folder in (here.parents[1] / "weights", here.parents[3] / "weights"):  # an installation; a checkout
        if (path := folder / f"{name}{SUFFIX}").is_file():
            return path
    raise UnsupportedFile(f"{name}: its weights are missing from this installation; install elastictok again")


def weights_in_home() -> Iterator[Path]:
    """Weights files of the user's, in the order of their names."""
    with suppress(UsageError):  # a user without a home has none
        yield from sorted(home().glob(f"*{SUFFIX}"))


def metadata(path: Path) -> dict[str, str]:
    """Metadata of a .safetensors file, without its tensors. Raises UnsupportedFile if it is no model's."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
            size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= size <= min(MAX_HEADER, path.stat().st_size - 8):
                raise ValueError
            header = json.loads(file.read(size))
        found = header.get("__metadata__", {})
        if not isinstance(found, dict) or "syntax" not in found:
            raise UnsupportedFile(
                f"{path.name}: a .safetensors file, but not made by elastictok; "
                "'elastictok weights convert' makes one of the original's params"
            )
        fields = {str(key): str(value) for key, value in found.items()}
        if not fields.get("model", "").isprintable() or len(fields.get("model", "")) > MAX_NAME:
            raise UnsupportedFile(f"{path.name}: the name of its model cannot be printed")
        return fields
    except OSError as error:
        raise UnsupportedFile(f"{path}: {error.strerror}") from None
    except (ValueError, AttributeError, RecursionError):
        raise UnsupportedFile(
            f"{path.name}: not a .safetensors file; 'elastictok weights convert' makes one of the original's params"
        ) from None


def describe(path: Path) -> WeightsFile:
    """Read what a weights file says about itself, and its digest. Raises UnsupportedFile."""
    fields = metadata(path)
    generation = fields.get("generation", "0")
    if not generation.isdecimal():
        raise UnsupportedFile(f"{path.name}: its generation is {generation[:20]!r}")
    return WeightsFile(
        path=path,
        model=fields.get("model", path.stem),
        generation=int(generation),
        syntax=fields["syntax"],
        bytes=path.stat().st_size,
        digest=sha256(path),
    )


def sha256(path: Path) -> str:
    """SHA-256 of a whole file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
