"""VVenC, SVT-AV1 4, XPSNR and VMAF by the ffmpeg that imageio-ffmpeg brings: real encodes of small real clips."""

from __future__ import annotations

import math
import stat
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from elastictok_cli.errors import ElasticTokError, UsageError
from elastictok_cli.metrics import Pixels
from elastictok_cli.video import open_source
from elastictok_cli.video.ffmpeg import Ffmpeg, find_ffmpeg
from elastictok_cli.video.peers import PEERS, find_peers
from elastictok_cli.video.perceptual import NAMES, Perceptual, find_measure
from elastictok_cli.video.reference import Codec, Pairs, Scores, at_size, point

from .clips import write_video

SIZE = (96, 64)


@pytest.fixture(scope="module")
def ffmpeg() -> Ffmpeg:
    """The one of the package: it is in the extra `dev`, so that these tests run wherever the others do."""
    found = find_ffmpeg()
    assert found is not None and "imageio_ffmpeg" in found.path
    return found


@pytest.fixture(scope="module")
def peers(ffmpeg: Ffmpeg) -> dict[str, Codec]:
    return find_peers(ffmpeg)


def test_it_is_found_with_its_version_and_what_it_was_built_with(ffmpeg: Ffmpeg, peers: dict[str, Codec]) -> None:
    assert int(ffmpeg.version.lstrip("n").split(".")[0]) >= 7
    assert {"libvvenc", "libsvtav1"} <= ffmpeg.encoders and {"xpsnr", "libvmaf"} <= ffmpeg.filters
    assert tuple(peers) == PEERS
    assert [codec.name for codec in peers.values()][0] == "VVenC faster"
    assert peers["svtav1-p4"].name.startswith("SVT-AV1 4 preset 4")


@pytest.mark.parametrize("name", PEERS)
def test_better_quality_costs_bytes(tmp_path: Path, peers: dict[str, Codec], name: str) -> None:
    path = write_video(tmp_path / "in.mp4", 9, size=SIZE, options={"crf": "8"})
    codec = peers[name]
    good, bad = (point(codec, codec.qualities[i], at_size(str(path), "source")) for i in (0, -1))
    assert good.frames == bad.frames == 9
    assert good.bytes > bad.bytes > 0 and 0 < good.mse < 0.004 and 3 * good.mse < bad.mse < 0.5
    assert all(cost is None or cost > 0 for cost in (good.encode_cpu_s, good.decode_cpu_s))


@pytest.mark.parametrize("name", PEERS)
def test_odd_sides_are_cut_and_a_picture_is_one_frame(tmp_path: Path, peers: dict[str, Codec], name: str) -> None:
    path = write_video(tmp_path / "in.mkv", 1, size=(97, 67), pixel_format="yuv444p")
    found = point(peers[name], peers[name].qualities[0], at_size(str(path), "source"))
    assert found.frames == 1 and found.mse < 0.02


def test_what_comes_back_has_the_colours_of_the_source(tmp_path: Path, peers: dict[str, Codec]) -> None:
    """The mean colour, whatever matrix and levels the source is tagged with."""
    for number, tags in enumerate([(1, 1, 1, 1), (2, 2, 5, 2)]):
        path = write_video(tmp_path / f"{number}.mkv", 3, size=SIZE, tags=tags)
        means: list[Pixels] = []

        def keep(pairs: Pairs, means: list[Pixels] = means) -> Scores:
            means.extend(np.subtract(*(p.mean((0, 1)) for p in pair)) for pair in pairs)
            return {}

        point(peers["vvenc"], 18, at_size(str(path), "source"), keep)
        assert np.abs(np.stack(means)).max() < 2


def pairs_of(path: Path, noise: int) -> Iterator[tuple[Pixels, Pixels]]:
    rng = np.random.default_rng(0)
    with open_source(path, size="source") as source:
        for frame in source.frames():
            changed = frame.rgb + rng.integers(-noise, noise + 1, frame.rgb.shape)
            yield np.clip(changed, 0, 255).astype(np.uint8), frame.rgb


def test_scores_fall_with_noise_and_are_best_without(tmp_path: Path, ffmpeg: Ffmpeg) -> None:
    path = write_video(tmp_path / "in.mkv", 6, size=(160, 120))
    measure = Perceptual(ffmpeg)
    same, little, much = (measure(pairs_of(path, noise)) for noise in (0, 8, 40))
    assert tuple(same) == NAMES
    assert same["xpsnr"] == math.inf and same["vmaf"] > 90
    assert 60 > little["xpsnr"] > much["xpsnr"] > 5
    assert 100 >= little["vmaf"] > much["vmaf"] >= 0


def test_what_ffmpeg_says_of_a_failure_is_the_error(ffmpeg: Ffmpeg) -> None:
    with pytest.raises(ElasticTokError, match="Encoder not found"):
        ffmpeg.feed(["-f", "rawvideo", "-video_size", "16x16", "-i", "-", "-c:v", "nonsense", "-f", "null", "-"], [b""])
    with pytest.raises(ElasticTokError, match="No such file"):
        list(ffmpeg.read(["-i", "nowhere.mp4", "-f", "rawvideo"], 10))


def test_a_program_that_is_no_ffmpeg(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`ffmpeg` .*: cannot be run"):
        find_ffmpeg(str(tmp_path / "nothing"))
    script = tmp_path / "ffmpeg"
    script.write_text("#!/bin/sh\n")
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(UsageError, match="is not an ffmpeg program"):
        find_ffmpeg(str(script))
    script.write_text("#!/bin/sh\necho ffmpeg version 1.0 of old\n")
    old = find_ffmpeg(str(script))
    assert old is not None and old.version == "1.0" and find_peers(old) == {}
    with pytest.raises(UsageError, match="has no filter libvmaf for vmaf; pip install"):
        find_measure(old, ["vmaf"])
    with pytest.raises(UsageError, match="needs an ffmpeg with xpsnr"):
        find_measure(None, ["xpsnr"])
    with pytest.raises(UsageError, match="`metric` lpips: is xpsnr or vmaf"):
        find_measure(old, ["lpips"])
