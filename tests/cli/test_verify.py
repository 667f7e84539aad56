"""`elastictok verify`: good files, damaged ones, and those that say they are better than they are."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import av
import pytest

from elastictok_cli.container import Reader, Writer
from elastictok_cli.video import open_source

from .conftest import FRAMES, Run


def test_a_good_file_is_good(run: Run, etok: Path) -> None:
    said = run("verify", etok)
    assert said.code == 0
    assert said.err.endswith(f"{etok}: good; structure, checksums and tokens of {FRAMES} frames\n")


def test_beside_its_source_every_block_is_measured_again(run: Run, etok: Path, clip: Path) -> None:
    said = run("verify", etok, "--source", clip, "--json")
    assert said.code == 0
    records = [json.loads(line) for line in said.out.splitlines()]
    checked = [r for r in records if r["type"] == "block_checked"]
    assert len(checked) == 3 and all(r["ok"] and r["mse"] <= 0.007 for r in checked)
    assert records[-1]["type"] == "verified" and records[-1]["findings"] == []


@pytest.mark.parametrize("at", [0.3, 0.6, 0.99])
def test_a_changed_byte_is_found(run: Run, etok: Path, tmp_path: Path, at: float) -> None:
    data = bytearray(etok.read_bytes())
    data[int(at * len(data))] ^= 16
    path = tmp_path / "a.etok"
    path.write_bytes(data)
    said = run("verify", path)
    assert said.code == 4
    assert said.err.splitlines()[-1].startswith(f"error: {path}: ")


def boasting(etok: Path, path: Path) -> Path:
    """The same tokens in a file that says they meet a threshold ten times as strict."""
    with Reader(etok) as reader:
        strict = reader.header.threshold / 10
        header = replace(reader.header, threshold=strict, target_value=strict)
        with Writer(path, header) as writer:
            for gop in reader.gops():
                blocks = [
                    replace(b, tiles=tuple(replace(t, mse=strict / 2, met=True) for t in b.tiles)) for b in gop.blocks
                ]
                writer.write_gop(replace(gop, blocks=tuple(blocks)))
            writer.write_audio(list(reader.audio()))
            writer.finish()
    return path


def test_a_file_that_is_worse_than_it_says_is_exit_code_7(run: Run, etok: Path, clip: Path, tmp_path: Path) -> None:
    path = boasting(etok, tmp_path / "a.etok")
    assert run("verify", path).code == 0  # alone nothing is wrong with it
    said = run("verify", path, "--source", clip)
    assert said.code == 7
    assert "stored as met and do not meet the threshold" in said.err.splitlines()[-1]


def test_another_video_is_a_wrong_input_and_the_file_is_not_damaged(
    run: Run, etok: Path, clip: Path, tmp_path: Path
) -> None:
    """Its frames come at other times; it has some of the right ones and then ends; or they show something else."""
    slow, short, other = (tmp_path / f"{name}.mp4" for name in ("slow", "short", "other"))
    with open_source(clip) as source:
        frames = [(frame.pts, frame.rgb) for frame in source.frames()]
        base, size = source.info.time_base, source.info.coded_size
    negative = [(pts, 255 - rgb) for pts, rgb in frames]
    for path, rate, some in ((slow, 2, frames), (short, 1, frames[:12]), (other, 1, negative)):
        with av.open(str(path), "w") as file:
            stream = file.add_stream("libx264", rate=25, options={"bf": "0"})
            stream.width, stream.height = size
            stream.codec_context.time_base = stream.time_base = base
            for pts, rgb in some:
                picture = av.VideoFrame.from_ndarray(rgb, "rgb24")
                picture.pts, picture.time_base = rate * pts, base
                file.mux(stream.encode(picture))
            file.mux(stream.encode(None))
    for path, count in ((slow, "3 blocks"), (short, "2 blocks")):
        said = run("verify", etok, "--source", path, "--json")
        assert said.code == 3
        assert said.err.splitlines()[-1].startswith(f"error: {path}: has no frame at the times of {count} ")
        (end,) = (r for r in map(json.loads, said.out.splitlines()) if r["type"] == "verified")
        assert end["blocks_unmatched"] == int(count[0])
    said = run("verify", etok, "--source", other)
    assert said.code == 3
    assert re.fullmatch(
        rf"error: other.mp4: this is not what {etok} was made from: [0-9.]+ dB at frame 0", said.err.splitlines()[-1]
    )


def test_without_the_model_the_structure_is_still_checked(
    run: Run, etok: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELASTICTOK_HOME", str(tmp_path))
    said = run("verify", etok)
    assert said.code == 0
    assert "note: only structure and checksums are checked" in said.err
    assert said.err.splitlines()[-1].endswith(f"structure, checksums of {FRAMES} frames")


def test_other_measures_by_an_external_ffmpeg(run: Run, etok: Path, clip: Path) -> None:
    said = run("verify", etok, "--source", clip, "--metric", "xpsnr", "--metric", "vmaf", "--json")
    assert said.code == 0, said.err
    last = json.loads(said.out.splitlines()[-1])
    assert last["type"] == "perceptual" and 10 < last["xpsnr"] < 60 and 0 <= last["vmaf"] <= 100
    assert said.err.endswith(f"; XPSNR {last['xpsnr']:.2f} dB; VMAF {last['vmaf']:.2f}\n")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--metric", "vmaf"], "--metric compares with the source"),
        (["--metric", "lpips", "--source"], "--metric lpips: is xpsnr or vmaf"),
        (["--metric", "vmaf", "--ffmpeg", "/nowhere/ffmpeg", "--source"], "--ffmpeg /nowhere/ffmpeg: cannot be run"),
    ],
)
def test_measures_that_cannot_be_meant(run: Run, etok: Path, clip: Path, arguments: list[str], says: str) -> None:
    said = run("verify", etok, *arguments, *([clip] if arguments[-1] == "--source" else []))
    assert said.code == 2 and says in said.err and said.err.count("\n") == 1
