"""What the Tokenizer gives is what the commands give for the same frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from codec.conftest import write_clip

import elastictok_cli as et
from elastictok_cli.container.format import mse_code
from elastictok_cli.models.base import TokenModel
from elastictok_cli.video import open_source

from .conftest import clip

# model, (frames, height, width): the last block is short, edges are padded, tiles are cut; goal
CASES = [
    ("toy", (10, 20, 30), {"threshold": 0.05}),
    ("fsq", (9, 40, 60), {"threshold": 0.3}),
    ("vae", (9, 40, 60), {"threshold": 0.3}),
    ("fsq", (5, 40, 60), {"tokens": 9}),
    ("dct", (9, 22, 30), {"threshold": 0.004}),
    ("dct", (9, 22, 30), {"tokens": 20}),
    ("dct tiles", (9, 22, 30), {"threshold": 0.004}),
    ("dct tiles", (9, 22, 30), {"threshold": 0.004, "max_tokens": 30}),
    ("nano", (11, 40, 56), {"threshold": 0.004}),
    ("nano", (11, 40, 56), {"tokens": 60}),
    ("mini", (5, 40, 140), {"threshold": 0.02}),
]


@pytest.mark.parametrize(("name", "size", "goal"), CASES, ids=str)
def test_tokens_errors_and_frames_are_those_of_the_command(
    models: dict[str, TokenModel], tmp_path: Path, name: str, size: tuple[int, int, int], goal: dict[str, float]
) -> None:
    model, path = models[name], tmp_path / "clip.etok"
    source = write_clip(tmp_path / "clip.mkv", clip(*size))
    with open_source(source, size="source") as opened:
        frames = np.stack([frame.rgb for frame in opened.frames()])
    wanted = {**goal}
    max_tokens = wanted.pop("max_tokens", None)
    target = et.Target.fixed(int(wanted["tokens"])) if "tokens" in wanted else et.Target.threshold(wanted["threshold"])
    et.encode(source, path, model=model, target=target, size="source", max_tokens=max_tokens, threads=2)
    with et.open_etok(path, model) as file:
        blocks, tokens = list(file.blocks()), list(file.tokens())
        shown = np.stack([rgb for _, rgb in file.frames()])
        threshold = file.header.threshold

    tokenizer = et.Tokenizer(model)
    codes = tokenizer.encode(frames, **goal)

    assert len(codes.values) == len(tokens) == np.prod(codes.grid)
    for mine, theirs in zip(codes.values, tokens, strict=True):
        np.testing.assert_array_equal(mine, theirs.values)
        assert mine.dtype == theirs.values.dtype
    tiles = [tile for block in blocks for tile in block.tiles]
    assert codes.counts.ravel().tolist() == [tile.count for tile in tiles]
    assert codes.qindex.ravel().tolist() == [tile.qindex for tile in tiles]
    assert codes.met.ravel().tolist() == [tile.met for tile in tiles]
    stored = [mse_code(mse, threshold) for mse in codes.mse.ravel()]
    assert stored == [mse_code(tile.mse, threshold) for tile in tiles]
    assert codes.frames.tolist() == [block.frames for block in blocks]
    np.testing.assert_array_equal(tokenizer.decode(codes), shown)


@pytest.mark.parametrize("name", ["fsq", "vae", "dct tiles", "nano", "mini"])
def test_a_batch_is_its_clips_one_by_one(models: dict[str, TokenModel], name: str) -> None:
    size = {"fsq": (5, 32, 64), "vae": (5, 32, 64), "mini": (4, 128, 128)}.get(name, (5, 24, 40))
    count = 2 if name == "mini" else 16 if name in ("fsq", "vae") else 3
    tokenizer = et.Tokenizer(models[name])
    video = np.stack([clip(*size, seed=seed) for seed in range(count)])
    goal = {"tokens": 64} if name == "mini" else {"threshold": 0.3 if size[1] == 32 else 0.01}
    together = tokenizer.encode(video, **goal)
    assert together.counts.shape == (count, *together.grid)
    one_by_one = [tokenizer.encode(each, **goal) for each in video]
    apart = [values for codes in one_by_one for values in codes.values]
    assert [len(values) for values in together.values] == [len(values) for values in apart]
    same = [np.mean(a == b) for a, b in zip(together.values, apart, strict=True) if len(a)]
    assert np.mean(same) > 0.999, "sums in another order move a value over a border now and then, and no more"
    np.testing.assert_allclose(together.mse, [codes.mse for codes in one_by_one], rtol=1e-3)
    shown = tokenizer.decode(together)
    assert shown.shape == video.shape and shown.dtype == np.uint8
    difference = shown.astype(int) - np.stack([tokenizer.decode(codes) for codes in one_by_one])
    assert (np.abs(difference) > 1).mean() < 1e-3


def test_a_curve_is_what_each_count_gives(models: dict[str, TokenModel]) -> None:
    for name, counts in (("fsq", [8, 20, 32]), ("dct tiles", [10, 40])):
        tokenizer, video = et.Tokenizer(models[name]), clip(5, 32, 64)
        curve = tokenizer.curve(video, counts=counts)
        assert curve.counts == tuple(counts)
        for number, count in enumerate(counts):
            codes = tokenizer.encode(video, tokens=count)
            np.testing.assert_allclose(curve.mse[..., number], codes.mse, rtol=1e-3)
            np.testing.assert_array_equal(curve.tokens[..., number], codes.counts)
        batch = tokenizer.curve(video[None], counts=counts)
        assert batch.mse.shape == (1, *curve.mse.shape)
        np.testing.assert_allclose(batch.mse[0], curve.mse, rtol=1e-3)
