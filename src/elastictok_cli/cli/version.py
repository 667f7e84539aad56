"""What `--version` prints. Library versions come from their metadata: importing torch takes seconds."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed

from ..container import FORMAT_VERSION
from ..errors import ElasticTokError
from ..models.registry import DEFAULT_MODEL
from ..models.weights_files import describe, packaged_weights
from ..version import __version__

LIBRARIES = ("torch", "av", "numpy", "numba", "safetensors")


def lines() -> Iterator[str]:
    """Tool, format, bundled model, libraries."""
    yield f"elastictok {__version__}"
    yield f"format     .etok version {FORMAT_VERSION}"
    yield f"model      {_model()}"
    yield f"libraries  {', '.join(f'{name} {_installed(name)}' for name in LIBRARIES)}"
    yield f"python     {platform.python_version()} on {platform.system()} {platform.machine()}"


def _model() -> str:
    try:
        file = describe(packaged_weights(DEFAULT_MODEL))
    except ElasticTokError:
        return f"{DEFAULT_MODEL} is missing from this installation"
    return f"{file.model} generation {file.generation}, syntax {file.syntax} ({file.digest[:12]})"


def _installed(name: str) -> str:
    try:
        return installed(name)
    except PackageNotFoundError:
        return "missing"
