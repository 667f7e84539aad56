"""Episodes of a LeRobot dataset, version 3: one item for each episode and camera.

    meta/info.json                                        fps, features, where the videos lie
    meta/episodes/chunk-000/file-000.parquet              a row for each episode: which part of which video it is
    videos/CAMERA/chunk-000/file-000.mp4                  many episodes, one behind the other
    data/chunk-000/file-000.parquet                       actions and states, a row for each frame; never read here

An .etok keeps in its header, under `about`, what joins its frames with the rows of data/: frame k of an episode has the
`index` `from_index` + k and the `timestamp` k / fps. Needs pyarrow (extra `batch`).
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ..container.parquet import pyarrow_for
from ..errors import InputError
from .items import Episode, Item, matches

INFO = Path("meta", "info.json")
COLUMNS = ("episode_index", "length", "dataset_from_index")
OF_CAMERA = ("chunk_index", "file_index", "from_timestamp")


def is_dataset(folder: Path) -> bool:
    """Whether a folder is a LeRobot dataset of version 3. Earlier versions have a video for each episode."""
    try:
        said = json.loads((folder / INFO).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(said, dict) and str(said.get("codebase_version", "")).startswith("v3")


def episodes(folder: Path, pattern: str | None) -> Iterator[Item]:
    """One item for each episode and camera, with outputs CAMERA/episode_000000.

    pattern: of video files in the folder, such as "videos/observation.images.top/**". Raises InputError for a dataset
    whose tables or videos are not as they should be.
    """
    try:
        info = json.loads((folder / INFO).read_bytes())
        cameras = [name for name, feature in info["features"].items() if feature["dtype"] == "video"]
        fps, template = float(info["fps"]), str(info["video_path"])
        if fps <= 0:
            raise ValueError(f"{fps} frames a second")
        rows = list(_rows(folder, cameras))
        # Frames of all episodes in a video, for the share that each is of its bytes.
        videos = [_video(template, row, camera) for row in rows for camera in cameras]
    except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{folder}: is no LeRobot dataset that can be read: {error}") from None
    frames: Counter[str] = Counter()
    for number, video in enumerate(videos):
        frames[video] += rows[number // len(cameras)]["length"]
    for number, video in enumerate(videos):
        row, camera = rows[number // len(cameras)], cameras[number % len(cameras)]
        if pattern and not matches(video.split("/"), pattern.split("/")):
            continue
        path = folder / video
        if not path.is_file():
            raise InputError(f"{path}: is not there, and episode {row['episode_index']} is in it")
        yield Item(
            str(path),
            f"{camera}/episode_{row['episode_index']:06d}.mp4",
            path.stat().st_size * row["length"] // max(1, frames[video]),
            _episode(folder, row, camera, fps),
        )


def _episode(folder: Path, row: dict[str, Any], camera: str, fps: float) -> Episode:
    first, length = row[f"videos/{camera}/from_timestamp"], row["length"]
    # From half a frame before the first one to half a frame before that of the next episode: times are rounded.
    start = max(0.0, first - 0.5 / fps)
    about = {
        "dataset": folder.resolve().name,
        "camera": camera,
        "episode_index": row["episode_index"],
        "from_index": row["dataset_from_index"],
        "fps": fps,
        "task": "; ".join(map(str, row.get("tasks") or [])),
    }
    return Episode(start=start, duration=first + (length - 0.5) / fps - start, frames=length, about=about)


def _rows(folder: Path, cameras: list[str]) -> Iterator[dict[str, Any]]:
    """The episodes, in the order of their numbers. Raises KeyError for a missing column."""
    pyarrow = pyarrow_for(f"{folder}: LeRobot")
    needed = [*COLUMNS, *(f"videos/{camera}/{name}" for camera in cameras for name in OF_CAMERA)]
    for path in sorted((folder / "meta" / "episodes").rglob("*.parquet")):
        try:
            file = pyarrow.parquet.ParquetFile(path)
            names = file.schema_arrow.names
            if missing := [name for name in needed if name not in names]:
                raise InputError(f"{path}: has no column {missing[0]}")
            yield from file.read([*needed, *(["tasks"] if "tasks" in names else [])]).to_pylist()
        except (pyarrow.ArrowException, OSError) as error:
            raise InputError(f"{path}: cannot be read: {str(error).splitlines()[0]}") from None


def _video(template: str, row: dict[str, Any], camera: str) -> str:
    """The path of an episode's video in the dataset. Raises ValueError if it leaves the folder."""
    chunk, file = (row[f"videos/{camera}/{name}"] for name in OF_CAMERA[:2])
    path = PurePosixPath(template.format(video_key=camera, chunk_index=chunk, file_index=file))
    if path.is_absolute() or ".." in path.parts or PurePosixPath(camera).name != camera:
        raise ValueError(f"{path} leaves the folder")
    return path.as_posix()
