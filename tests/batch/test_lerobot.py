"""Episodes of a LeRobot dataset (v3): each is one file, its frames are its own, and they join with its actions."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from codec.dct import DctModel

import elastictok_cli as et
from elastictok_cli.batch.engine import LocalEngine
from elastictok_cli.batch.plan import plan
from elastictok_cli.batch.results import Journal
from elastictok_cli.batch.run import FileDone, run
from elastictok_cli.cli.app import main
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target
from elastictok_cli.data import TokenBatches
from elastictok_cli.errors import InputError

FPS, SIDE = 10, 16
LENGTHS = ((7, 5), (9,))  # of the episodes in each video
CAMERAS = ("observation.images.top", "observation.images.wrist")
TINY = Path(__file__).parents[1] / "conformance" / "tiny-fsq.safetensors"


def write_dataset(root: Path) -> Path:
    """Three episodes, two cameras. The grey level of a frame says which one it is (`level`)."""
    rows, frames, index = [], [], 0
    for file, lengths in enumerate(LENGTHS):
        first = 0
        for length in lengths:
            row = {"episode_index": len(rows), "tasks": ["push"], "length": length, "dataset_from_index": index}
            row |= {"dataset_to_index": index + length, "data/chunk_index": 0, "data/file_index": 0}
            for camera in CAMERAS:
                row |= {f"videos/{camera}/chunk_index": 0, f"videos/{camera}/file_index": file}
                # 1/30000 s late or early: times in the tables are sums of floats
                row[f"videos/{camera}/from_timestamp"] = first / FPS + (len(rows) - 1) / 30000 * (first > 0)
                row[f"videos/{camera}/to_timestamp"] = (first + length) / FPS
            for frame in range(length):
                frames.append({"index": index + frame, "episode_index": len(rows), "frame_index": frame})
                frames[-1] |= {"timestamp": frame / FPS, "action": [float(len(rows)), float(frame)]}
            rows.append(row)
            first, index = first + length, index + length
        for camera in CAMERAS:
            path = root / "videos" / camera / "chunk-000" / f"file-{file:03d}.mp4"
            write_video(
                path, [level(r["episode_index"], k, camera) for r in rows[-len(lengths) :] for k in range(r["length"])]
            )
    for name, table in (("meta/episodes", rows), ("data", frames)):
        path = root / name / "chunk-000" / "file-000.parquet"
        path.parent.mkdir(parents=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(table), path)
    features = {camera: {"dtype": "video", "shape": [SIDE, SIDE, 3]} for camera in CAMERAS}
    info = {
        "codebase_version": "v3.0",
        "fps": FPS,
        "features": features | {"action": {"dtype": "float32", "shape": [2]}},
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    }
    (root / "meta" / "info.json").write_text(json.dumps(info))
    return root


def level(episode: int, frame: int, camera: str) -> int:
    return 40 * episode + 8 * frame + (100 if camera == CAMERAS[1] else 0)


def write_video(path: Path, levels: list[int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=FPS, options={"crf": "0", "g": "2", "threads": "1"})
        video.width, video.height, video.pix_fmt = SIDE, SIDE, "yuv444p"
        for number, grey in enumerate(levels):
            frame = av.VideoFrame.from_ndarray(np.full((SIDE, SIDE, 3), grey, np.uint8), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "robot")


def test_every_episode_is_a_file_with_its_own_frames(dataset: Path, tmp_path: Path) -> None:
    settings = EncodeSettings(target=Target.threshold(1e-5), size="source")
    items = plan([str(dataset)])
    with Journal(tmp_path / "out") as journal:
        events = list(run(items, tmp_path / "out", LocalEngine(settings, DctModel(), 1), journal))
    rows = [event.row for event in events if isinstance(event, FileDone)]
    assert sorted(row.output for row in rows) == sorted(
        f"{camera}/episode_{number:06d}.etok" for camera in CAMERAS for number in range(3)
    )
    assert {row.status for row in rows} == {"done"}, [row.error for row in rows]
    sizes = sum(path.stat().st_size for path in dataset.rglob("*.mp4"))
    assert 0.95 * sizes < sum(row.bytes_in for row in rows) <= sizes
    for camera in CAMERAS:
        for number, length in enumerate(sum(LENGTHS, ())):
            with et.open_etok(tmp_path / "out" / camera / f"episode_{number:06d}.etok", DctModel()) as file:
                shown = file[:].mean((1, 2, 3))
                about = file.header.extra["about"]
            assert np.abs(shown - [level(number, frame, camera) for frame in range(length)]).max() < 4
            assert (about["camera"], about["episode_index"], about["fps"], about["task"]) == (
                camera,
                number,
                FPS,
                "push",
            )
            assert about["from_index"] == sum(sum(LENGTHS, ())[:number])


def test_tokens_join_with_the_actions_of_their_frames(
    dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, shards, table = tmp_path / "tokens", tmp_path / "shards", tmp_path / "wrist.parquet"
    options = ["--model", str(TINY), "--glob", "videos/*wrist/**/*.mp4", "--tokens", "4", "-j", "1", "-q"]
    assert main(["batch", str(dataset), "-o", str(out), *options]) == 0, capsys.readouterr().err
    assert sorted(path.name for path in out.rglob("*.etok")) == [f"episode_{number:06d}.etok" for number in range(3)]
    assert main(["pack", str(out), "-o", str(shards / "%05d.tar"), "-q"]) == 0
    actions = pyarrow.parquet.read_table(dataset / "data/chunk-000/file-000.parquet").to_pylist()
    batches = TokenBatches(shards)
    (batch,) = batches
    for row, sample in enumerate(batch["samples"].tolist()):
        said = batches.described(sample)
        for frame in np.unique(batch["frame_ids"][row][batch["mask"][row]]).tolist():
            joined = actions[said["about"]["from_index"] + frame]
            assert (joined["episode_index"], joined["frame_index"]) == (said["about"]["episode_index"], frame)
            assert joined["timestamp"] == pytest.approx(said["times"][frame // batches.index.said["block_frames"]])
    etok = out / CAMERAS[1] / "episode_000001.etok"
    assert main(["tokens", str(etok), "-o", str(table), "-q"]) == 0
    first = pyarrow.parquet.read_table(table).to_pylist()[0]
    assert (first["episode_index"], first["from_index"], first["camera"]) == (1, 7, CAMERAS[1])


def test_what_does_not_fit_is_said(dataset: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["batch", str(dataset), "-o", str(tmp_path / "out"), "--model", str(TINY), "--tokens", "4", "-j", "1"]
    assert main([*arguments, "--duration", "1"]) == 2
    assert "the episodes of a LeRobot dataset have their own" in capsys.readouterr().err
    path = dataset / "meta/episodes/chunk-000/file-000.parquet"
    table = pyarrow.parquet.read_table(path)
    longer = table.set_column(2, "length", pyarrow.array([7, 5, 30]))
    pyarrow.parquet.write_table(longer, path)
    assert main(arguments) == 8
    rows = [json.loads(line) for line in (tmp_path / "out/results.jsonl").read_text().splitlines()]
    said = {row["error"] for row in rows if row["status"] == "partial"}
    assert said == {"9 frames, and the dataset says 30"}
    pyarrow.parquet.write_table(table.drop_columns(["length"]), path)
    with pytest.raises(InputError, match="has no column length"):
        plan([str(dataset)])
    pyarrow.parquet.write_table(table, path)
    next((dataset / "videos" / CAMERAS[0]).rglob("*.mp4")).unlink()
    with pytest.raises(InputError, match="is not there, and episode"):
        plan([str(dataset)])
    info = json.loads((dataset / "meta/info.json").read_text())
    (dataset / "meta/info.json").write_text(json.dumps(info | {"video_path": "../../{video_key}"}))
    with pytest.raises(InputError, match="leaves the folder"):
        plan([str(dataset)])
