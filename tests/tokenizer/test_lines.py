"""Each line of the interface as it is promised, with both models of the package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import elastictok_cli as et
from elastictok_cli.errors import UsageError

from .conftest import clip, smooth


def test_every_line_with_mini(tmp_path: Path) -> None:
    video = torch.from_numpy(smooth(4, 64, 64))
    tokenizer = et.Tokenizer.from_pretrained("elastictok-mini", device="cpu")
    codes = tokenizer.encode(video, threshold=0.02)
    assert codes.met.all() and (codes.mse <= 0.02).all()
    assert codes.grid == (1, 1, 1) and codes.counts.shape == codes.grid
    assert codes.values[0].dtype == np.uint16 and len(codes.values[0]) == codes.counts[0, 0, 0]
    shown = tokenizer.decode(codes)
    assert shown.shape == tuple(video.shape) and shown.dtype == np.uint8
    assert np.mean((shown / 127.5 - video.numpy() / 127.5) ** 2) == pytest.approx(codes.mse[0, 0, 0])
    assert tokenizer.encode(video, tokens=48).counts.tolist() == [[[48]]]
    few = tokenizer.encode(video, threshold=0.0001, max_tokens=40)
    assert few.counts.tolist() == [[[40]]] and not few.met.any()
    with pytest.raises(UsageError, match="encode the video again"):
        codes.keep(64)
    curve = tokenizer.curve(video, counts=[32, 256])
    assert curve.mse.shape == (1, 1, 1, 2) and curve.mse[0, 0, 0, 0] > curve.mse[0, 0, 0, 1]
    codes.save(tmp_path / "clip.npz")
    np.testing.assert_array_equal(tokenizer.decode(et.Codes.load(tmp_path / "clip.npz")), shown)
    bare = et.Codes.from_values(codes.padded()[0].ravel(), codes.counts, video.shape, model=tokenizer)
    np.testing.assert_array_equal(tokenizer.decode(bare), shown)


def test_every_line_with_nano(tmp_path: Path) -> None:
    video = clip(9, 32, 48)
    tokenizer = et.Tokenizer.from_pretrained()
    codes = tokenizer.encode(video.astype(np.float32) / 127.5 - 1, threshold=0.007, value_range=(-1, 1))
    assert codes.met.all() and codes.grid == (2, 1, 1)
    shown = tokenizer.decode(codes)
    for block, part in enumerate((slice(0, 8), slice(8, 9))):
        mse = np.mean((shown[part] / 127.5 - video[part] / 127.5) ** 2)
        assert mse == pytest.approx(codes.mse[block, 0, 0])
    assert tokenizer.decode(codes.keep(64)).shape == video.shape
    assert (tokenizer.encode(video, tokens=64).counts <= 64).all()
    curve = tokenizer.curve(video, counts=[20, 200])
    assert (curve.tokens <= [20, 200]).all() and (curve.mse[..., 0] >= curve.mse[..., 1]).all()
    codes.save(tmp_path / "clip.npz")
    np.testing.assert_array_equal(tokenizer.decode(et.Codes.load(tmp_path / "clip.npz")), shown)
