"""From clips to start values: the split, the counts, the fit."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import ablate
import contexts
import curve
import data
import evaluate
import numpy as np
import pytest
import train

import elastictok_cli.api as et
from elastictok_cli.entropy import rangecoder as rc
from elastictok_cli.metrics import block_mse
from elastictok_cli.models.nano.syntax import contexts as cx

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
    table = contexts.fit(np.stack([total - ones, ones], -1).astype(np.int64))
    assert table.dtype == np.uint16
    assert abs(table[0, rc.SLOW] / 65536 - 0.1) < 0.02
    assert table[0, rc.SEEN] >= 64
    assert table[1, rc.SEEN] <= 4
    assert table[2].tolist() == [32768, 32768, 0]


def test_fitted_start_values_make_the_clip_smaller() -> None:
    blank = rc.new_contexts(cx.COUNT)
    coded, about = train.window(DEMO, blank, seed=3)
    assert (about["clip"], about["frames"], len(coded)) == ("demo.mp4", 24, 3)
    counts = train.tally(coded)
    assert counts.sum() > 100_000
    table = contexts.fit(counts[None])
    assert table.shape == (cx.COUNT, 3)
    assert train.bits(coded, table) < 0.99 * train.bits(coded, blank)
    # what the clip's own bits cost from either start, with each context held still
    p = (table[:, 0].astype(float) / 65536).clip(1e-4, 1 - 1e-4)
    fitted = -(counts[:, 1] * np.log2(p) + counts[:, 0] * np.log2(1 - p)).sum()
    assert fitted < 0.75 * counts.sum()  # with the blank table every bit costs one


def test_the_curve_is_of_the_first_clips_and_falls(tmp_path: Path) -> None:
    """Of clips that agree about a context, more estimate it better."""
    rng = np.random.default_rng(0)
    ones = rng.binomial(20, 0.05, (5, cx.COUNT))
    found = curve.tables([np.stack([20 - one, one], -1).astype(np.int64) for one in ones])
    assert list(found) == [0, 1, 2, 4, 5]
    away = [abs(table[:, rc.SLOW] / 65536 - 0.05).mean() for table in found.values()]
    assert away == sorted(away, reverse=True)
    curve.draw({0: 0.0, 1: -0.01, 4: -0.02}, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


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
    variants = ["whole", "without motion", "4-frame blocks"]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        whole, still, four = pool.map(_bytes, variants, chunksize=1)
    assert still > 1.2 * whole and four != whole


def _bytes(variant: str) -> int:
    return ablate.file_bytes((variant, DEMO))[1]


def test_a_share_of_the_tokens_is_worth_most_in_order_of_importance() -> None:
    nano = et.load_model()
    frames = data.frames(DEMO, 0, 16)
    coded, _ = train.encoded(nano, frames, 300)  # type: ignore[arg-type]
    for (state, tokens), shown in zip(coded, data.blocks(frames, 8), strict=True):
        count = tokens.count // 2
        cut = ablate.ctu_by_ctu(tokens, count)
        assert 0.97 * count < cut.count <= count  # a CTU is whole or not there
        errors = [block_mse(nano.reconstruct(state, one), shown) for one in (tokens.prefix(count), cut)]
        assert errors[0] < errors[1]
    assert ablate.ctu_by_ctu(tokens, tokens.count) is tokens
