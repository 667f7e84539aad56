"""`elastictok decode`: what comes out, and what damage does."""

from __future__ import annotations

import json
import shutil
from fractions import Fraction
from pathlib import Path

import av
import pytest

from elastictok_cli.container import Reader

from .conftest import FRAMES, HEIGHT, RATE, WIDTH, Run, process, write_clip


def times(path: Path) -> list[Fraction]:
    """PTS of all frames in seconds."""
    with av.open(str(path)) as file:
        return [frame.pts * frame.time_base for frame in file.decode(video=0)]


def packets(path: Path) -> list[bytes]:
    """Sound as it is stored."""
    with av.open(str(path)) as file:
        return [bytes(packet) for packet in file.demux(audio=0) if packet.size]


def test_the_output_has_the_times_sizes_and_sound_of_the_source(
    run: Run, clip: Path, etok: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copy(etok, tmp_path / "in.etok"))
    said = run("decode", source)
    out = tmp_path / "in.decoded.mp4"
    assert said.code == 0, said.err
    assert said.err.splitlines()[-1].startswith(f"{out}: {FRAMES} frames in ")
    assert times(out) == times(clip)
    assert packets(out) == packets(clip)
    with av.open(str(out)) as file:
        stream = file.streams.video[0]
        assert (stream.width, stream.height) == (WIDTH, HEIGHT)


def test_json_is_the_events(run: Run, etok: Path, tmp_path: Path) -> None:
    said = run("decode", etok, "-o", tmp_path / "a.mp4", "--json")
    records = [json.loads(line) for line in said.out.splitlines()]
    assert [r["type"] for r in records] == ["started", "block", "block", "block", "finished"]
    assert records[0]["job"] == "decode" and records[-1]["frames"] == FRAMES


def test_audio_none_leaves_the_sound_out(run: Run, etok: Path, tmp_path: Path) -> None:
    assert run("decode", etok, "-o", tmp_path / "a.mp4", "--audio", "none").code == 0
    with av.open(str(tmp_path / "a.mp4")) as file:
        assert len(file.streams.video) == 1
        assert not file.streams.audio or not packets(tmp_path / "a.mp4")


def test_a_part_is_a_part(run: Run, etok: Path, tmp_path: Path) -> None:
    out = tmp_path / "part.mp4"
    assert run("decode", etok, "-o", out, "--start", "0.4", "--duration", "0.2", "-q").code == 0
    assert len(times(out)) == RATE // 5
    said = run("decode", etok, "-o", tmp_path / "none.mp4", "--start", "9")
    assert said.code == 2 and "no frame in this range" in said.err
    assert not (tmp_path / "none.mp4").exists()


def test_numbered_pictures(run: Run, etok: Path, tmp_path: Path) -> None:
    assert run("decode", etok, "-o", tmp_path / "frames" / "%03d.png", "-q").code == 0
    names = sorted(path.name for path in (tmp_path / "frames").iterdir())
    assert names == [f"{n:03d}.png" for n in range(1, FRAMES + 1)]


def test_a_pipe_in_and_y4m_out(etok: Path) -> None:
    said = process("decode", "-", "-q", stdin=etok.read_bytes())
    assert said.returncode == 0, said.stderr
    assert said.stdout.startswith(b"YUV4MPEG2 ") and said.stdout.count(b"FRAME") >= FRAMES


def test_an_existing_output_stays(run: Run, etok: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    out.write_bytes(b"precious")
    said = run("decode", etok, "-o", out)
    assert (said.code, out.read_bytes()) == (6, b"precious")


def test_the_input_is_no_output(run: Run, etok: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(etok, tmp_path / "a.etok"))
    said = run("decode", path, "-o", path, "-f")
    assert said.code == 2 and "is the input itself" in said.err


def test_a_video_is_no_etok_file(run: Run, clip: Path, tmp_path: Path) -> None:
    said = run("decode", clip, "-o", tmp_path / "a.mp4")
    assert said.code == 4 and said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def damaged(model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five GOPs, a byte of the third changed."""
    from elastictok_cli.cli.app import main

    folder = tmp_path_factory.mktemp("damaged")
    path = folder / "damaged.etok"
    write_clip(folder / "clip.mp4", 40)
    options = ["-o", str(path), "--model", model, "--gop", "1", "-q"]
    assert main(["encode", str(folder / "clip.mp4"), *options]) == 0
    with Reader(path) as reader:
        entry = reader.index[2]
    data = bytearray(path.read_bytes())
    data[entry.offset + entry.length] ^= 1
    path.write_bytes(data)
    return path


def test_damage_is_exit_code_4_names_the_place_and_leaves_no_output(run: Run, damaged: Path, tmp_path: Path) -> None:
    said = run("decode", damaged, "-o", tmp_path / "a.mp4")
    assert said.code == 4
    assert "GOP 2 (00:00.6-00:01.0) fails its checksum; 'elastictok decode --recover' keeps" in said.err
    assert list(tmp_path.iterdir()) == []


def test_recover_shows_what_is_whole_and_is_exit_code_8(run: Run, damaged: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.mp4"
    said = run("decode", damaged, "-o", out, "--recover")
    assert said.code == 8
    assert len(times(out)) == 32
    assert "32 frames" in said.err.splitlines()[-1]


def test_weights_that_are_not_here_are_said_by_name(
    run: Run, etok: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ELASTICTOK_HOME", str(tmp_path / "elsewhere"))
    said = run("decode", etok, "-o", tmp_path / "a.mp4")
    assert said.code == 5
    assert "needs the weights of elastictok-nano generation 0" in said.err
