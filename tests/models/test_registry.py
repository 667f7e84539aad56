"""Names, files and headers to models; what is no model gets one line."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from elastictok_cli.errors import ElasticTokError, UnsupportedFile, UsageError
from elastictok_cli.models import registry, weights_files

from .streams import FSQ


@dataclass
class Header:
    model: str
    model_digest: bytes
    generation: int = 1
    extra: Mapping[str, Any] = field(default_factory=dict)


def test_a_file_says_what_it_is_without_being_loaded(fsq_file: Path) -> None:
    file = weights_files.describe(fsq_file)
    assert (file.model, file.generation, file.syntax) == ("tiny-fsq", 1, "fsq/1")
    model = registry.load(fsq_file, device="cpu")
    assert model.spec.digest == bytes.fromhex(file.digest)[:16]
    assert model.spec.name == FSQ.name


def test_a_header_finds_its_weights_in_the_home(home: Path, fsq_file: Path) -> None:
    header = Header("tiny-fsq", bytes.fromhex(weights_files.sha256(fsq_file))[:16])
    with pytest.raises(UnsupportedFile, match=r"needs the weights of tiny-fsq generation 1 .*`model` FILE"):
        registry.load_for(header)
    home.mkdir()
    (home / "broken.safetensors").write_bytes(b"nonsense")
    shutil.copy(fsq_file, home / "any-name.safetensors")
    assert registry.load_for(header, device="cpu").spec.digest == header.model_digest
    with pytest.raises(UnsupportedFile, match="0000000000"):
        registry.load_for(Header("tiny-fsq", bytes(16)))


def test_names_are_explained(home: Path) -> None:
    with pytest.raises(UnsupportedFile, match="'elastictok weights pull elastictok-fsq' gets them"):
        registry.load("elastictok-fsq")
    with pytest.raises(UsageError, match="did you mean elastictok-fsq"):
        registry.load("elastictok-fsk")
    with pytest.raises(UsageError, match="there are elastictok-nano"):
        registry.load("whatever")
    with pytest.raises(UsageError, match="no such file"):
        registry.load(home / "none.safetensors")


def test_the_models_of_the_package_are_here_without_a_home(home: Path) -> None:
    found = {file.model: file for file in map(weights_files.describe, registry.weights_files())}
    assert list(found) == ["elastictok-nano", "elastictok-mini"]
    mini = registry.load("elastictok-mini", device="cpu")
    assert (mini.spec.name, mini.spec.tile_hw, mini.spec.block_frames) == ("elastictok-mini", (128, 128), 4)
    assert found["elastictok-mini"].bytes < 24e6
    header = Header("elastictok-mini", mini.spec.digest)
    assert registry.load_for(header, device="cpu").spec.digest == mini.spec.digest
    with pytest.raises(UnsupportedFile, match=r"elastictok-mini generation 1 .*not on this machine; `model` FILE"):
        registry.load_for(Header("elastictok-mini", bytes(16)))  # other weights of it; there is nothing to pull


@pytest.mark.parametrize("device", ["foo", "", "cuda:", "cuda:x", "CPU"])
@pytest.mark.parametrize("name", [registry.DEFAULT_MODEL, "elastictok-mini"])
def test_what_is_no_device_is_refused_whatever_the_model(name: str, device: str) -> None:
    with pytest.raises(UsageError, match=f"`device` {device}: no such device"):
        registry.load(name, device=device)


def test_a_device_that_is_not_there_is_named(fsq_file: Path) -> None:
    with pytest.raises(UsageError, match="`device` cuda:77"):
        registry.load(fsq_file, device="cuda:77")
    with pytest.raises(UsageError, match="`precision` int4"):
        registry.load(fsq_file, device="cpu", precision="int4")


def rewritten(source: Path, target: Path, **metadata: str) -> Path:
    """A copy of a weights file with other metadata."""
    data = source.read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + size])
    header["__metadata__"] |= metadata
    text = json.dumps(header).encode()
    target.write_bytes(struct.pack("<Q", len(text)) + text + data[8 + size :])
    return target


def test_files_that_lie_get_one_line(fsq_file: Path, tmp_path: Path) -> None:
    config = json.loads(weights_files.metadata(fsq_file)["config"])
    lies = {
        "deep": rewritten(
            fsq_file, tmp_path / "a.safetensors", config=json.dumps(config | {"num_encoder_layers": 10**6})
        ),
        "wide": rewritten(fsq_file, tmp_path / "b.safetensors", config=json.dumps(config | {"hidden_size": 64})),
        "none": rewritten(fsq_file, tmp_path / "c.safetensors", config="{}"),
        "text": rewritten(fsq_file, tmp_path / "d.safetensors", config="nonsense"),
        "list": rewritten(fsq_file, tmp_path / "e.safetensors", config="[]"),
        "number": rewritten(fsq_file, tmp_path / "f.safetensors", generation="one"),
    }
    (tmp_path / "g.safetensors").write_bytes(fsq_file.read_bytes()[:-100])
    (tmp_path / "h.safetensors").write_bytes(b"\xff" * 200)
    (tmp_path / "i.safetensors").write_bytes(b"")
    (tmp_path / "j.safetensors").write_bytes(struct.pack("<Q", 2) + b"{}")
    for path in [*lies.values(), *(tmp_path / f"{letter}.safetensors" for letter in "ghij")]:
        with pytest.raises(ElasticTokError) as caught:
            registry.load(path, device="cpu")
            weights_files.describe(path)
        assert "\n" not in str(caught.value) and path.name in str(caught.value)


def test_a_file_of_another_program_is_told_from_a_damaged_one(tmp_path: Path) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"x": np.zeros(3, np.float32)}, tmp_path / "x.safetensors")
    with pytest.raises(UnsupportedFile, match="not made by elastictok"):
        registry.load(tmp_path / "x.safetensors")


def test_contexts_that_have_seen_more_bits_than_are_counted_are_refused(tmp_path: Path) -> None:
    """The number is an index into the rates."""
    from safetensors import safe_open
    from safetensors.numpy import save_file

    with safe_open(weights_files.packaged_weights(registry.DEFAULT_MODEL), framework="numpy") as file:
        metadata, tensors = file.metadata(), {name: file.get_tensor(name) for name in ("contexts", "mixers")}
    for seen in (127, 128):
        tensors["contexts"][7, 1] = seen
        save_file(tensors, tmp_path / f"{seen}.safetensors", metadata)
    registry.load(tmp_path / "127.safetensors")
    with pytest.raises(UnsupportedFile, match=r"128\.safetensors: .*at most 127"):
        registry.load(tmp_path / "128.safetensors")
