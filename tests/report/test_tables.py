"""The summary, --json and --csv."""

from __future__ import annotations

import csv
import json
import re

import pytest

from elastictok_cli.report import csv_lines, json_records, percentiles, summary

from .files import CLIP, CLIP_MISSED, UNMEASURED, usage


def test_the_summary_fits_into_80_columns_and_says_what_there_is() -> None:
    lines = summary(usage(CLIP, CLIP_MISSED))
    assert max(len(text) for _, text in lines) <= 80 - 12
    found = dict(lines)
    assert found["made by"] == "tiny, threshold 0.007 (27.57 dB), fast search"
    assert found["video"].startswith("60 frames, 2.40 s at 25 fps, 64x48 (from 640x480)")
    assert found["tokens"] == "13,090 of at most 150,000 (8.73 %), 873 per block"
    assert found["quality"] == "mean 27.78 dB   worst block 26.48 dB   1 % low 26.48 dB"
    assert found["threshold"] == "met in 14 of 15 blocks"


def test_a_picture_is_not_called_a_video() -> None:
    found = dict(summary(usage([300], last_frames=1, is_still=True)))
    assert found["video"] == "a picture of 64x48 (from 640x480)"
    assert (found["quality"], found["threshold"]) == ("27.89 dB", "met")
    assert "per block" not in found


def test_a_fixed_count_has_no_threshold_to_meet() -> None:
    found = dict(summary(usage(CLIP, target="tokens", target_value=500.0, threshold=4.0)))
    assert "500 tokens per block" in found["made by"]
    assert "threshold" not in found


def test_a_file_without_a_frame_has_a_size_and_no_bits_per_pixel() -> None:
    found = dict(summary(usage([])))
    assert re.fullmatch(r"\d+ B: rest \d+ B", found["size"]) and found["quality"] == "no frames"


def test_json_ends_with_totals_that_are_the_sums_of_the_blocks() -> None:
    records = [json.loads(json.dumps(record)) for record in json_records(usage(CLIP, CLIP_MISSED))]
    assert [r["type"] for r in records] == ["file"] + ["block"] * 15 + ["total"]
    blocks, total = records[1:-1], records[-1]
    assert total["tokens"] == sum(b["tokens"] for b in blocks)
    assert total["blocks_missed"] == sum(not b["met"] for b in blocks) == 1
    assert total["met"] is False
    assert sum(total["parts"].values()) == total["bytes"]


def test_csv_has_one_line_per_block_with_the_same_values() -> None:
    rows = list(csv.DictReader(csv_lines(usage(CLIP, CLIP_MISSED))))
    assert [int(row["tokens"]) for row in rows] == CLIP
    assert [row["met"] for row in rows].count("0") == 1
    assert float(rows[2]["time_s"]) == 0.32


def test_csv_has_nothing_where_nothing_was_measured() -> None:
    (row, *_) = csv.DictReader(csv_lines(usage(CLIP, **UNMEASURED)))
    assert (row["tokens"], row["mse"], row["psnr_db"]) == ("4000", "", "")


def test_the_median_of_an_even_number_is_between_the_two_in_the_middle() -> None:
    assert percentiles(usage([2034, 1439, 58, 11])) == {0: 11, 10: 11, 25: 11, 50: 749, 75: 1439, 90: 2034, 100: 2034}
    assert [percentiles(usage(counts))[50] for counts in ([5], [5, 8], [9, 5, 6])] == [5, 7, 6]


def test_a_short_block_is_named_and_left_out_of_min_and_percentiles() -> None:
    found = usage([*CLIP, 3], last_frames=1)
    assert percentiles(found)[0] == min(CLIP)
    assert dict(summary(found))["blocks"] == "15 of 4 frames and a short one of 1 (not counted below), 2 GOPs"
    assert percentiles(usage([7], last_frames=1))[0] == 7  # there is no other


def test_json_has_the_worst_block_and_the_one_percent_low() -> None:
    *_, total = json_records(usage(CLIP * 14, [4, 5, 6]))
    assert total["psnr_db"] > total["low_psnr_db"] > total["worst_psnr_db"] - 1e-9
    assert (total["worst_mse"], total["low_mse"]) == (pytest.approx(0.009, 0.01), pytest.approx(0.009, 0.01))
    *_, total = json_records(usage(CLIP * 14, [4, 5]))
    assert (total["worst_mse"], total["low_mse"]) == (pytest.approx(0.009, 0.01), pytest.approx(0.0065, 0.01))
