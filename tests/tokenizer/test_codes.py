"""Codes: padded, cut, kept in a file, made of bare values; and where a tokenizer comes from."""

from __future__ import annotations

import logging
import os
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import elastictok_cli as et
from elastictok_cli.errors import DamagedFile, InputError, UsageError
from elastictok_cli.metrics import block_mse
from elastictok_cli.models import pretrained
from elastictok_cli.models.base import TokenModel
from elastictok_cli.models.registry import load
from elastictok_cli.tokenizer import tokenizer as room

from .conftest import clip

TINY = Path(__file__).parents[1] / "conformance" / "tiny-fsq.safetensors"
ARRAYS = ("counts", "mse", "met", "qindex", "frames")


@pytest.mark.parametrize("name", ["fsq", "vae"])
def test_padded_values_and_their_mask_hold_every_token(models: dict[str, TokenModel], name: str) -> None:
    codes = et.Tokenizer(models[name]).encode(clip(5, 32, 64)[None], threshold=0.3)
    values, mask = codes.padded()
    most, vector = int(codes.counts.max()), codes.values[0].shape[1:]
    assert mask.shape == (1, *codes.grid, most) and values.shape == (*mask.shape, *vector)
    assert values.dtype == codes.values[0].dtype
    np.testing.assert_array_equal(values[mask], np.concatenate(codes.values))
    tensor, tensor_mask = codes.padded("cpu", fill=7)
    assert (tensor.dtype, tensor_mask.dtype) == (torch.int64, torch.bool)
    np.testing.assert_array_equal(tensor[tensor_mask].numpy(), np.concatenate(codes.values))
    assert (tensor[~tensor_mask] == 7).all()


@pytest.mark.parametrize("name", ["toy", "fsq", "vae", "dct tiles", "nano"])
def test_a_file_keeps_everything(models: dict[str, TokenModel], tmp_path: Path, name: str) -> None:
    tokenizer = et.Tokenizer(models[name])
    video = np.stack([clip(5, 24, 40), clip(5, 24, 40, seed=1)])
    for shown, goal in ((video, {"threshold": 0.05}), (video[0], {"tokens": 30, "measure": False})):
        codes = tokenizer.encode(shown, **goal)
        codes.save(tmp_path / "clip.npz")
        again = et.Codes.load(tmp_path / "clip.npz")
        for field in ARRAYS:
            np.testing.assert_array_equal(getattr(again, field), getattr(codes, field))
        assert (again.header, again.shape, again.grid) == (codes.header, codes.shape, codes.grid)
        for mine, theirs in zip(codes.values, again.values, strict=True):
            np.testing.assert_array_equal(mine, theirs)
        np.testing.assert_array_equal(tokenizer.decode(again), tokenizer.decode(codes))
        again.save(tmp_path / "again.npz")
        assert (tmp_path / "again.npz").read_bytes() == (tmp_path / "clip.npz").read_bytes()


def test_the_command_decodes_the_file_of_one_clip(models: dict[str, TokenModel], tmp_path: Path) -> None:
    from elastictok_cli.container.tokenfile import etok_of

    tokenizer = et.Tokenizer(models["fsq"])
    codes = tokenizer.encode(clip(5, 32, 64), threshold=0.3)
    codes.save(tmp_path / "clip.npz")
    with et.open_etok(etok_of(tmp_path / "clip.npz"), models["fsq"]) as file:
        shown = np.stack([rgb for _, rgb in file.frames()])
    np.testing.assert_array_equal(shown, tokenizer.decode(codes))


@pytest.mark.parametrize("name", ["dct", "toy", "nano"])
def test_fewer_tokens_of_a_nested_model_decode(models: dict[str, TokenModel], tmp_path: Path, name: str) -> None:
    tokenizer, video = et.Tokenizer(models[name]), clip(9, 24, 40)
    codes = tokenizer.encode(video, threshold=0.004)
    errors = []
    for count in (0, 10, 128, 10**6):
        few = codes.keep(count)
        assert few.counts.tolist() == np.minimum(codes.counts, count).tolist()
        assert [len(values) for values in few.values] == few.counts.ravel().tolist()
        shown = tokenizer.decode(few)
        errors.append(block_mse(shown, video))
    assert max(errors[:2]) > errors[2] >= errors[3], "a few tokens may be worse than none, but not many"
    np.testing.assert_array_equal(shown, tokenizer.decode(codes))
    few = codes.keep(10)
    assert np.isnan(few.mse).all() and not few.met.any()
    few.save(tmp_path / "few.npz")
    np.testing.assert_array_equal(tokenizer.decode(et.Codes.load(tmp_path / "few.npz")), tokenizer.decode(few))
    np.testing.assert_array_equal(tokenizer.decode(few.keep(500)), tokenizer.decode(few))
    with pytest.raises(UsageError, match="fewer than 0"):
        codes.keep(-1)


def test_a_model_that_is_not_nested_says_what_to_do(models: dict[str, TokenModel]) -> None:
    codes = et.Tokenizer(models["fsq"]).encode(clip(2, 32, 32), tokens=20)
    with pytest.raises(UsageError, match="encode the video again, with `tokens=8` or `max_tokens=8`"):
        codes.keep(8)


def test_bare_values_decode_as_the_codes_they_came_from(models: dict[str, TokenModel]) -> None:
    for name in ("fsq", "vae", "toy"):
        tokenizer = et.Tokenizer(models[name])
        codes = tokenizer.encode(clip(5, 32, 64), threshold=0.3)
        flat = np.concatenate(codes.values).astype(np.int64)
        for values in (flat, torch.from_numpy(flat), list(codes.values), flat.tolist()):
            bare = et.Codes.from_values(values, codes.counts.ravel().tolist(), (5, 32, 64, 3), model=tokenizer)
            np.testing.assert_array_equal(tokenizer.decode(bare), tokenizer.decode(codes))
        assert np.isnan(bare.mse).all() and not bare.met.any()


BARE: list[tuple[Any, Any, Any, str]] = [
    ([0] * 8, [8], (2, 32, 32), "that of a video is needed"),
    ([0] * 8, [8], (2, 32, 32, 4), "\\(T, 32, 32, 3\\) is needed"),
    ([0] * 8, [4, 4], (2, 32, 32, 3), "has 1 places"),
    ([0] * 8, [9], (2, 32, 32, 3), "has 8 tokens, and `counts` adds up to 9"),
    ([0] * 99, [99], (2, 32, 32, 3), "must be 4 to 32"),
    ([64000] * 8, [8], (2, 32, 32, 3), "codes must be 0 .. 63999"),
    ([-1] * 8, [8], (2, 32, 32, 3), "are no tokens"),
    ([0.5] * 8, [8], (2, 32, 32, 3), "of float64"),
    (np.zeros((8, 2), int), [8], (2, 32, 32, 3), "integers \\(tokens,\\) are needed"),
]


@pytest.mark.parametrize(("values", "counts", "shape", "message"), BARE, ids=[case[-1][:20] for case in BARE])
def test_bare_values_that_do_not_fit_are_refused(
    models: dict[str, TokenModel], values: Any, counts: Any, shape: Any, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        et.Codes.from_values(values, counts, shape, model=models["fsq"])


def test_syntax_tokens_are_no_bare_values(models: dict[str, TokenModel]) -> None:
    with pytest.raises(UsageError, match="their values alone do not decode"):
        et.Codes.from_values([1], [1], (1, 16, 16, 3), model=models["nano"])
    with pytest.raises(UsageError, match="`model` is a int"):
        et.Codes.from_values([1], [1], (1, 16, 16, 3), model=3)  # type: ignore[arg-type]


def test_codes_of_another_model_are_refused(models: dict[str, TokenModel]) -> None:
    codes = et.Tokenizer(models["fsq"]).encode(clip(2, 32, 32), tokens=20)
    with pytest.raises(UsageError, match="codes of tiny-fsq .* cannot be decoded by toy"):
        et.Tokenizer(models["toy"]).decode(codes)


def test_a_damaged_file_is_one_line(models: dict[str, TokenModel], tmp_path: Path) -> None:
    codes = et.Tokenizer(models["nano"]).encode(clip(3, 24, 40), threshold=0.05)
    path = tmp_path / "clip.npz"
    codes.save(path)
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}

    def write(**changes: bytes | None) -> None:
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in {**members, **{f"{key}.npy": value for key, value in changes.items()}}.items():
                if data is not None:
                    archive.writestr(member, data)

    def packed(array: Any) -> bytes:
        import io

        file = io.BytesIO()
        np.lib.format.write_array(file, np.array(array), allow_pickle=array is None)
        return file.getvalue()

    for key in members:
        write(**{key.removesuffix(".npy"): None})
        with pytest.raises(DamagedFile, match="it has no"):
            if key not in ("pts.npy", "gop.npy", "frames.npy"):  # for the command, which needs them
                et.Codes.load(path)
            else:
                raise DamagedFile("it has no")
    for changes in (
        {"counts": packed([[10**6]])},
        {"counts": packed([[-1]])},
        {"shape": packed([0, 24, 40, 3])},
        {"shape": packed([3, 24, 41, 3])},
        {"payload_bytes": packed([-5])},
        {"payloads": packed(np.zeros(3, np.uint8))},
        {"values": packed(None)},
        {"head": packed(np.zeros(9, np.uint8))},
        {"mse": b"\x93NUMPY"},
    ):
        write(**changes)
        with pytest.raises(DamagedFile) as caught:
            et.Codes.load(path)
        assert "\n" not in str(caught.value)
    path.write_bytes(b"PK\x03\x04nothing")
    with pytest.raises(DamagedFile):
        et.Codes.load(path)
    with pytest.raises(InputError, match="cannot be read"):
        et.Codes.load(tmp_path / "none.npz")


def test_one_goal_and_counts_are_needed(models: dict[str, TokenModel]) -> None:
    tokenizer, video = et.Tokenizer(models["fsq"]), clip(2, 32, 32)
    with pytest.raises(UsageError, match="exclude each other"):
        tokenizer.encode(video, threshold=0.01, tokens=8)
    with pytest.raises(UsageError, match="needs at least 4"):
        tokenizer.encode(video, tokens=2)
    with pytest.raises(UsageError, match="`counts` is empty"):
        tokenizer.curve(video, counts=[])


def test_a_tensor_comes_back_where_it_is_wanted(models: dict[str, TokenModel]) -> None:
    tokenizer = et.Tokenizer(models["fsq"])
    codes = tokenizer.encode(torch.from_numpy(clip(2, 32, 32)), tokens=20)
    tensor = tokenizer.decode(codes, device="cpu")
    assert isinstance(tensor, torch.Tensor) and tensor.dtype == torch.uint8
    np.testing.assert_array_equal(tensor.numpy(), tokenizer.decode(codes))


def test_a_name_a_file_a_folder_or_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    asked: list[str] = []

    def snapshot(repository: str, allow_patterns: str) -> str:
        asked.append(repository)
        if repository == "org/none":
            raise OSError("no such repository\nand more")
        folder = tmp_path / "cache"
        folder.mkdir(exist_ok=True)
        shutil.copy(TINY, folder / "weights.safetensors")
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", snapshot)
    digest = load(TINY, "cpu").spec.digest
    for name in (TINY, str(TINY), "org/model"):
        assert et.Tokenizer.from_pretrained(name, device="cpu").model.spec.digest == digest
    assert asked == ["org/model"]
    (tmp_path / "org").mkdir()
    (tmp_path / "org" / "model").mkdir()
    with pytest.raises(UsageError, match=r"one \.safetensors file is needed, and it holds none"):
        et.Tokenizer.from_pretrained("org/model")
    shutil.copy(TINY, tmp_path / "org" / "model" / "a.safetensors")
    assert et.Tokenizer.from_pretrained("org/model", device="cpu").model.spec.digest == digest
    shutil.copy(TINY, tmp_path / "org" / "model" / "b.safetensors")
    with pytest.raises(UsageError, match="holds 2 of them: a.safetensors, b.safetensors"):
        et.Tokenizer.from_pretrained("org/model")
    assert asked == ["org/model"], "what is on this machine comes first"
    with pytest.raises(InputError, match=r"org/none: could not be fetched \(OSError: no such repository\)"):
        et.Tokenizer.from_pretrained("org/none")
    with pytest.raises(UsageError, match="no such model"):
        et.Tokenizer.from_pretrained("elastictok-none")
    assert pretrained.find_pretrained(None) is None


def test_preparing_is_announced_and_threads_do_not_spin(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("GOMP_SPINCOUNT", raising=False)
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr(room, "prepare", lambda model, announce: announce("preparing the codec"))
    lines: list[str] = []
    with caplog.at_level(logging.INFO, "elastictok_cli"):
        et.Tokenizer.from_pretrained(TINY, device="cpu", on_prepare=lines.append)
    assert lines == ["preparing the codec"] == [record.getMessage() for record in caplog.records]
    assert os.environ["GOMP_SPINCOUNT"] == "3000"
