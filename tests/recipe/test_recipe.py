"""From clips to start values: the split, the counts, the fit."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import ablate
import contexts
import data
import evaluate
import numpy as np
import pytest
import train

from elastictok_cli.models.nano.weights import Weights

DEMO = Path(__file__).parents[2] / "examples" / "demo.mp4"


def test_no_source_is_on_both_sides_of_the_split() -> None:
    clips = [data.Clip(Path(f"{i}.mp4"), f"source{i // 3}") for i in range(60)]
    training, validation = data.split(clips)
    assert len(training) + len(validation) == 60
    assert len(validation) == 9  # 3 of 20 sources
    assert not {c.source for c in training} & {c.source for c in validation}


def test_frames_are_padded_to_whole_ctus() -> None:
    v = data.frames(DEMO, 5, 3)
    assert v.shape[0] == 3
    assert v.shape[1] % 16 == 0 and v.shape[2] % 16 == 0
    assert not np.array_equal(v[0], data.frames(DEMO, 6, 1)[0])


def test_start_values_are_firm_where_clips_agree() -> None:
    """They are loose where clips differ, and neutral without any."""
    rng = np.random.default_rng(1)
    agree = rng.binomial(400, 0.1, 50)
    differ = rng.binomial(400, rng.beta(0.5, 1.5, 50))
    ones = np.stack([agree, differ, np.zeros(50, np.int64)], 1)
    total = np.array([400, 400, 0])
    table = contexts.fit(np.stack([total - ones, ones], -1).astype(np.uint16))
    assert table.dtype == np.uint16
    assert abs(table[0, 0] / 65536 - 0.1) < 0.02
    assert table[0, 1] >= 49
    assert table[1, 1] <= 4
    assert table[2].tolist() == [32768, 0]


def test_fitted_start_values_make_the_clip_smaller() -> None:
    blank = Weights.untrained()
    clip = train.window(DEMO, blank, seed=3)
    assert (clip.clip, clip.sizes) == ("demo.mp4", (8, 8, 8))
    assert train.bits(clip, blank.tables) == pytest.approx(8 * len(clip.payload), rel=0.01)
    fitted = train.train([clip])
    assert [table.shape for table in fitted] == [table.shape for table in blank.tables]
    assert train.bits(clip, fitted) < 0.99 * train.bits(clip, blank.tables)


def test_a_codec_that_cannot_be_as_coarse_is_left_out_for_that_clip() -> None:
    """It is neither a win in the table nor a part of total and mean."""
    curve = [{"bytes": 4000, "mse": 0.001}, {"bytes": 1000, "mse": 0.004}]
    near, coarse = ({"bytes": 1000, "mse": mse} for mse in (0.002, 0.01))
    assert evaluate.ratio_over(near, curve) == pytest.approx(0.5) and evaluate.ratio_over(coarse, curve) is None
    row = {
        **{"threshold": 0.007, "clip": "a", "frames": 10, "source_bytes": 1, "bytes": 1000, "bpp": 0.1, "psnr_db": 30},
        **{"tokens_share": 0.1, "met": 1, "probes": 2, "encode_fps": 1, "decode_fps": 1, "encode_cpu_s": 1.0},
    }
    rows = [{**row, "over": {"x264": 0.5}}, {**row, "clip": "b", "over": {"x264": None}}]
    text = evaluate.table(rows, ["x264"], 0.007)
    assert text.count("not reached") == 1 and text.count("0.500 (1 of 2) |") == 2


def test_every_variant_changes_what_its_name_says() -> None:
    """In processes of their own, as the script runs them."""
    variants = ["whole", "one quantiser step for every kind of frame", "blocks of 4 frames"]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        whole, same, four = pool.map(_bytes, variants, chunksize=1)
    assert same > 1.03 * whole and four != whole


def _bytes(variant: str) -> int:
    return ablate.file_bytes((variant, DEMO))[1]


def test_a_share_of_the_tokens_shows_a_little_less() -> None:
    half, most, nearly_all = ablate.prefix_errors(DEMO)
    assert 5 > half > most > nearly_all > 1
