"""Models and clips: the tiny ones of other rooms, the worked example, and those of the package."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from codec.conftest import moving
from codec.dct import DctModel
from models.conftest import fsq_file, vae_file

from elastictok_cli.models.base import TokenModel
from elastictok_cli.models.registry import load

__all__ = ["fsq_file", "vae_file"]

EXAMPLE = Path(__file__).parents[2] / "examples" / "toy_model" / "toy_model.py"


@pytest.fixture(scope="session")
def toy() -> TokenModel:
    """The model of examples/toy_model, imported from where it is."""
    spec = importlib.util.spec_from_file_location("toy_model", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["toy_model"] = module
    spec.loader.exec_module(module)
    model: TokenModel = module.ToyModel()
    return model


@pytest.fixture(scope="session")
def models(toy: TokenModel, fsq_file: Path, vae_file: Path) -> dict[str, TokenModel]:
    """By a short name. dct: with a ladder; dct tiles: with a ladder and tiles."""
    return {
        "toy": toy,
        "fsq": load(fsq_file, "cpu"),
        "vae": load(vae_file, "cpu"),
        "dct": DctModel(),
        "dct tiles": DctModel(tile=(16, 16)),
        "mini": load("elastictok-mini", "cpu"),
        "nano": load("elastictok-nano"),
    }


def clip(frames: int, height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """Something smooth that moves, uint8 (frames, height, width, 3)."""
    return moving(frames, seed, width, height)
