"""The whole benchmark on tiny clips and a small codec: what it measures, keeps, writes and says."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from codec.conftest import moving, write_clip
from codec.dct import DctModel

from elastictok_cli.batch.plan import plan as plan_batch
from elastictok_cli.bench import (
    JobDone,
    Plan,
    Planned,
    Written,
    choose_codecs,
    choose_perceptual,
    find_clips,
    run_bench,
)
from elastictok_cli.bench import run as bench_run
from elastictok_cli.bench.clips import stills_of
from elastictok_cli.bench.measure import measure_fixed, measure_reference
from elastictok_cli.container import Reader
from elastictok_cli.errors import InputError, UsageError
from elastictok_cli.video.ffmpeg import INSTALL, find_ffmpeg
from elastictok_cli.video.reference import CODECS

THRESHOLDS = (0.03, 0.007)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two clips, one of which moves more, and what is no clip."""
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "a.mkv", moving(9, width=48, height=32))
    write_clip(folder / "b.mkv", moving(7, seed=3, width=48, height=32))
    (folder / "notes.txt").write_text("no clip")
    return folder


def plan(folder: Path, out: Path, **changes: Any) -> Plan:
    fields: dict[str, Any] = {"thresholds": THRESHOLDS, "stills": 1, "codecs": (CODECS["x264"],), "command": "bench it"}
    return Plan(clips=tuple(find_clips([str(folder)])), out=out, **{**fields, **changes})


def finish(events: Iterator[Any]) -> tuple[list[JobDone], Written]:
    seen = list(events)
    assert isinstance(seen[0], Planned) and isinstance(seen[-1], Written)
    return [e for e in seen if isinstance(e, JobDone)], seen[-1]


@pytest.fixture(scope="module")
def done(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[JobDone], Written]:
    out = tmp_path_factory.mktemp("out")
    return out, *finish(run_bench(plan(folder, out), DctModel()))


def results(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "benchmarks" / "results.json").read_text())
    return found


def test_any_name_of_a_file_reaches_every_table_and_plot(folder: Path, tmp_path: Path) -> None:
    odd = [
        "$x$ %d.mkv",
        "new\nline.mkv",
        "<!--<script>|.mkv",
        os.fsdecode(b"\xff.mkv"),
        "-dash.mkv",
        "n" * 240 + ".mkv",
    ]
    (tmp_path / "clips").mkdir()
    for name in odd:
        shutil.copy(folder / "a.mkv", tmp_path / "clips" / name)
    options = {"thresholds": (0.007,), "stills": 1}
    _, written = finish(run_bench(plan(tmp_path / "clips", tmp_path / "out", **options), DctModel()))
    assert all(path.exists() for path in written.files)
    assert {row["clip"] for row in written.results["rows"] if row["kind"] == "video"} == {
        "$x$ %d", "new line", "<!--<script>|", "\N{REPLACEMENT CHARACTER}", "-dash", "n" * 240,
    }  # fmt: skip
    assert r"| \<!--\<script\>\| |" in (tmp_path / "out" / "benchmarks.md").read_text()
    assert "<!--<script>" not in (tmp_path / "out" / "report.html").read_text()


def test_every_file_that_is_named_is_there(done: tuple[Path, list[JobDone], Written]) -> None:
    out, _, written = done
    names = {"results.json", "results.csv"} | {
        f"{n}.{s}" for n in ("figure4", "rate", "content") for s in ("png", "svg")
    }
    assert {p.name for p in (out / "benchmarks").iterdir()} == names
    assert [p.exists() for p in written.files] == [True] * len(written.files)
    page = (out / "benchmarks.md").read_text()
    for link in re.findall(r"\]\(([^)]+)\)", page):
        assert (out / link).exists(), link
    assert "the same model" in page.replace("**", "") and "bench it" in page
    assert str(out) not in page + (out / "benchmarks" / "results.json").read_text()


def test_numbers_of_the_page_are_those_of_the_json(done: tuple[Path, list[JobDone], Written]) -> None:
    out, _, _ = done
    found, page = results(out), (out / "benchmarks.md").read_text()
    for s in found["summary"]:
        over = s["bytes_over"]["x264 medium"]
        want = f"| {s['threshold']:g} | {100 * s['met_share']:.1f} | {100 * s['tokens_share']:.3g} | {s['bpp']:.4f} "
        if s["kind"] == "video":
            want += f"| {s['bytes_per_second'] / 1000:.2f} "
        assert want in page
        assert over["clips"] == 0 or f"{over['total']:.2f} / {over['geometric_mean']:.2f}" in page
    for row in found["rows"]:
        assert row["kind"] == "image" or row["threshold"] != found["figure_threshold"] or f"{row['bytes']:,} |" in page


def test_sums_are_sums_of_the_rows(done: tuple[Path, list[JobDone], Written]) -> None:
    found = results(done[0])
    assert {(r["clip"], r["kind"]) for r in found["rows"]} == {
        ("a", "video"), ("b", "video"), ("a@1", "image"), ("b@1", "image"),
    }  # fmt: skip
    for s in found["summary"]:
        rows = [r for r in found["rows"] if (r["kind"], r["threshold"]) == (s["kind"], s["threshold"])]
        assert s["bytes"] == sum(r["bytes"] for r in rows)
        assert s["met_share"] == pytest.approx(
            sum(r["blocks_met"] for r in rows) / sum(r["blocks"] for r in rows), rel=1e-4
        )
        if s["kind"] == "video":
            seconds = sum(r["frames"] / 25 for r in rows)
            assert s["bytes_per_second"] == pytest.approx(s["bytes"] / seconds, rel=1e-4)
        for r in rows:
            assert r["worst_block_mse"] <= r["threshold"] and r["blocks_met"] == r["blocks"]
            assert r["tokens"] == sum(r["tokens_by_block"])
            assert r["bpp"] == pytest.approx(8 * r["bytes"] / (r["frames"] * r["width"] * r["height"]), rel=1e-4)
    with (done[0] / "benchmarks" / "results.csv").open() as file:
        table = list(csv.DictReader(file))
    assert [int(line["bytes"]) for line in table] == [r["bytes"] for r in found["rows"]]


def test_elastic_tokens_meet_as_often_for_fewer(done: tuple[Path, list[JobDone], Written]) -> None:
    figure = results(done[0])["figure4"]["video"]
    assert figure["elastic"][-1][1] == 1.0
    best = figure["fixed"][-1]
    assert best["met_share"] == 1.0  # its budget is above what any block needs
    assert best["ratio"] == pytest.approx(best["tokens_share"] / figure["elastic"][-1][0], rel=1e-4)
    assert best["ratio"] > 1


def test_a_second_run_measures_nothing_and_writes_the_same(
    folder: Path, done: tuple[Path, list[JobDone], Written]
) -> None:
    out, jobs, _ = done
    assert not any(job.kept for job in jobs)
    before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file() and "work" not in p.parts}
    again, _ = finish(run_bench(plan(folder, out), DctModel()))
    assert [job.what for job in again] == [job.what for job in jobs] and all(job.kept for job in again)
    assert {p: p.read_bytes() for p in before} == before


def test_a_stopped_run_goes_on(folder: Path, tmp_path: Path) -> None:
    events = run_bench(plan(folder, tmp_path, stills=0, codecs=()), DctModel())
    first = [next(events) for _ in range(4)]
    events.close()
    assert not (tmp_path / "benchmarks.md").exists()
    jobs, _ = finish(run_bench(plan(folder, tmp_path, stills=0, codecs=()), DctModel()))
    assert [job.kept for job in jobs[:4]] == [True] * (len(first) - 1) + [False]


def test_another_encoder_is_measured_again_but_not_the_other_codecs(
    folder: Path, done: tuple[Path, list[JobDone], Written], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    shutil.copytree(done[0], tmp_path / "out")
    monkeypatch.setattr(bench_run, "coding_fingerprint", lambda: "changed")
    jobs, _ = finish(run_bench(plan(folder, tmp_path / "out"), DctModel()))
    assert {job.what.split(" ", 1)[1].split(" ")[0] for job in jobs if job.kept} == {"content", "x264"}


def test_another_precision_is_measured_again(
    folder: Path, done: tuple[Path, list[JobDone], Written], tmp_path: Path
) -> None:
    """Weights in bfloat16 have the digest of those in float32, and other errors."""
    import shutil

    shutil.copytree(done[0], tmp_path / "out")

    class Bfloat16(DctModel):
        @property
        def header_fields(self) -> dict[str, str]:
            return {"precision": "bfloat16"}

    jobs, _ = finish(run_bench(plan(folder, tmp_path / "out"), Bfloat16()))
    assert {job.what.split(" ", 1)[1].split(" ")[0] for job in jobs if job.kept} == {"content", "x264"}


def test_pictures_alone_have_no_curves_of_videos(
    folder: Path, done: tuple[Path, list[JobDone], Written], tmp_path: Path
) -> None:
    picture = next((done[0] / "work").glob("still-*.png"))
    clips = tuple(find_clips([str(picture)]))
    _, written = finish(run_bench(Plan(clips=clips, out=tmp_path, thresholds=THRESHOLDS, codecs=()), DctModel()))
    assert {p.name for p in written.files} >= {"figure4.svg"} and not (tmp_path / "benchmarks" / "rate.svg").exists()
    assert set(results(tmp_path)["figure4"]) == {"image"}


def test_a_folder_is_searched_for_what_batch_takes_too(folder: Path, tmp_path: Path) -> None:
    for ending in ("TS", "mts", "mpg", "flv", "gif", "mp4"):
        shutil.copy(folder / "a.mkv", tmp_path / f"clip.{ending}")
    found = [str(clip.path) for clip in find_clips([str(tmp_path)])]
    assert sorted(found) == sorted(item.source for item in plan_batch([str(tmp_path)])) and len(found) == 6


def test_what_cannot_be_measured(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        find_clips([str(tmp_path / "nothing")])
    with pytest.raises(InputError, match="no video or picture"):
        find_clips([str(tmp_path)])
    with pytest.raises(UsageError, match="--figure-threshold"):
        plan(folder, tmp_path, figure_threshold=0.5)
    with pytest.raises(UsageError, match="--codecs vp6"):
        choose_codecs(["vp6"], None)
    with pytest.raises(UsageError, match="--codecs vvenc: no ffmpeg was found for it; pip install"):
        choose_codecs(["x264", "vvenc"], None)
    with pytest.raises(UsageError, match="`threshold` 27"):
        plan(folder, tmp_path, thresholds=(27.0,))


def test_a_fixed_count_is_one_tiles_where_pictures_are_tiled(folder: Path, tmp_path: Path) -> None:
    model = DctModel(num_qindex=0, tile=(16, 16))
    finish(run_bench(plan(folder, tmp_path, thresholds=(0.007,), codecs=()), model))
    found = results(tmp_path)
    video = found["figure4"]["video"]["fixed"]
    most = model.spec.max_tokens(2, 16, 16)
    assert all(point["tokens"] <= most for point in video)
    assert len({point["tokens_share"] for point in video}) > 1  # not all of them everything
    for point in video:
        assert point["tokens_share"] == pytest.approx(point["tokens"] / most, rel=0.2)
    assert "| video: tokens per tile of a block |" in (tmp_path / "benchmarks.md").read_text()


def test_the_error_of_a_fixed_block_is_its_worst_tiles(folder: Path, tmp_path: Path) -> None:
    clip = find_clips([str(folder / "a.mkv")])[0]
    found = measure_fixed(clip, 20, DctModel(num_qindex=0, tile=(16, 16)), tmp_path / "a.etok", "source", None)
    with Reader(tmp_path / "a.etok") as reader:
        errors = [[tile.mse for tile in block.tiles] for block in reader.blocks()]
    assert found["block_mse"] == [max(tiles) for tiles in errors]
    assert all(len(tiles) == 6 and max(tiles) > sum(tiles) / 6 for tiles in errors)


def test_a_still_of_another_size_part_or_clip_is_made_anew(folder: Path, tmp_path: Path) -> None:
    import av

    def still(size: str = "source", duration: float | None = None) -> tuple[str, tuple[int, int]]:
        (clip,) = find_clips([str(tmp_path / "c.mkv")])
        (made,) = stills_of(clip, 1, size, duration, tmp_path)
        with av.open(str(made.path)) as file:
            frame = next(file.decode(video=0))
        return made.digest, (frame.width, frame.height)

    (tmp_path / "c.mkv").write_bytes((folder / "a.mkv").read_bytes())
    whole = still()
    assert whole[1] == (48, 32) and still("24x16")[1] == (24, 16)
    assert still(duration=0.12) != whole == still()
    (tmp_path / "c.mkv").write_bytes((folder / "b.mkv").read_bytes())
    assert still() != whole


def test_clips_of_which_no_block_meets_have_a_page_and_a_figure(folder: Path, tmp_path: Path) -> None:
    """Where even the finest step misses, no cap of tokens makes a block meet."""
    lowest = (1e-7, 1e-8)
    bench = plan(folder, tmp_path, thresholds=lowest, figure_threshold=1e-7, stills=0, codecs=())
    _, written = finish(run_bench(bench, DctModel()))
    found = results(tmp_path)
    assert found["figure4"]["video"]["elastic"] == [] and found["summary"][0]["met_share"] == 0
    assert (tmp_path / "benchmarks" / "figure4.png").exists() and all(path.exists() for path in written.files)


def test_peers_are_measured_beside_the_rest_and_no_win_is_counted_where_they_cannot_go(
    folder: Path, tmp_path: Path
) -> None:
    """One clip, one threshold at which VVenC is compared and one that is coarser than anything it can do."""
    ffmpeg = find_ffmpeg()
    assert ffmpeg is not None  # of imageio-ffmpeg, in the extra `dev`
    codecs, notes = choose_codecs(["x264", "vvenc"], ffmpeg)
    clip = tuple(find_clips([str(folder / "a.mkv")]))
    coarse = 0.9
    what = Plan(
        clips=clip, out=tmp_path, thresholds=(0.007, coarse), stills=0, codecs=codecs,
        perceptual=choose_perceptual(ffmpeg),
    )  # fmt: skip
    finish(run_bench(what, DctModel()))
    found, page = results(tmp_path), (tmp_path / "benchmarks.md").read_text()
    assert notes == [] and found["codecs"] == ["x264 medium", "VVenC faster"] and found["scores"] == ["xpsnr", "vmaf"]
    fine, rough = found["summary"]
    assert fine["bytes_over"]["VVenC faster"]["clips"] == 1
    assert rough["bytes_over"]["VVenC faster"] == {
        "clips": 0, "total": None, "geometric_mean": None, "least": None, "most": None,
    }  # fmt: skip
    assert "none reached" in page and f"| video, {coarse:g} |" in page
    (row,) = (row for row in found["rows"] if row["threshold"] == 0.007)
    assert row["scores"]["xpsnr"] > 15 and set(row["scores_of"]["VVenC faster"]) == {"xpsnr", "vmaf"}
    ours, theirs = (fine["cpu_s_per_frame"][name] for name in ("elastictok", "VVenC faster"))
    assert all(cost > 0 for cost in (*ours, *theirs)) and rough["cpu_s_per_frame"]["VVenC faster"] is None
    assert ffmpeg.version in page


def test_what_no_ffmpeg_has_is_left_out_with_a_note() -> None:
    codecs, notes = choose_codecs(None, None)
    assert codecs == tuple(CODECS.values())
    assert notes == [f"no ffmpeg was found for vvenc, svtav1-p8, svtav1-p4; left out ({INSTALL})"]
    assert choose_perceptual(None) is None


def test_the_page_is_one_file_with_everything_that_the_markdown_has(done: tuple[Path, list[JobDone], Written]) -> None:
    markdown, page = ((done[0] / name).read_text() for name in ("benchmarks.md", "report.html"))
    assert page.count("<table>") == len(re.findall(r"^\|---", markdown, re.M)) > 4
    assert page.count('<img src="data:image/svg+xml;base64,') == markdown.count("![")
    assert "the same model" in page and not re.search(r"(src|href)=\"(https?:)?//", page)


@pytest.mark.skipif(not hasattr(os, "sched_getscheduler"), reason="Linux's own interface")
def test_svt_av1_leaves_no_real_time_priority_behind(folder: Path) -> None:
    (clip,) = (clip for clip in find_clips([str(folder)]) if clip.name == "a")
    measure_reference(clip, CODECS["svtav1"], "source", 0.1)
    assert os.sched_getscheduler(0) == os.SCHED_OTHER
