"""Small models with random weights, made by the converter, and an empty folder for weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from elastictok_cli.models.elastic.config import ElasticConfig
from elastictok_cli.models.elastic.convert import convert

from .streams import FSQ, VAE, write_params


def made(folder: Path, config: ElasticConfig) -> Path:
    """A weights file."""
    output = folder / f"{config.name}.safetensors"
    convert(write_params(folder / f"{config.name}.params", config), config, output)
    return output


@pytest.fixture(scope="session")
def fsq_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("fsq"), FSQ)


@pytest.fixture(scope="session")
def vae_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("vae"), VAE)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for weights, which does not exist yet."""
    folder = tmp_path / "home"
    monkeypatch.setenv("ELASTICTOK_HOME", str(folder))
    return folder
