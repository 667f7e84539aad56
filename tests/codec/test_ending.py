"""When the first frame is shown and when the last one ends, through encode and decode."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import pytest

from elastictok_cli import api
from elastictok_cli.codec.decoder import for_file
from elastictok_cli.container import Reader
from elastictok_cli.report import read_usage
from elastictok_cli.video import SinkOptions

from .conftest import moving, write_clip
from .dct import DctModel

MODEL = DctModel()
UNEVEN = [0, 17, 18, 400, 1234, 1235, 1300, 2000, 2001, 2900, 3000]
END = 5000  # of the last frame, milliseconds


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of a variable rate whose last frame is the longest."""
    path = tmp_path_factory.mktemp("uneven") / "in.mp4"
    with av.open(str(path), "w") as file:
        video = file.add_stream("libx264", rate=25, options={"bf": "0", "crf": "10"})
        video.width, video.height, video.pix_fmt = 30, 22, "yuv420p"
        video.codec_context.time_base = video.time_base = Fraction(1, 1000)
        for number, rgb in enumerate(moving(len(UNEVEN))):
            frame = av.VideoFrame.from_ndarray(rgb, "rgb24")
            frame.pts, frame.time_base = UNEVEN[number], Fraction(1, 1000)
            for packet in video.encode(frame):
                file.mux(packet)
        for packet in video.encode(None):
            packet.duration = END - UNEVEN[-1]
            file.mux(packet)
    return path


def encoded(source: Path, out: Path, **options: Any) -> Path:
    api.encode(source, out, model=MODEL, size="source", **options)
    return out


def decoded(etok: Path, out: Path, **options: Any) -> tuple[list[Fraction], Fraction]:
    """Times of the frames and when the video ends, in seconds."""
    api.decode(etok, out, model=MODEL, **options)
    with av.open(str(out)) as file:
        stream = file.streams.video[0]
        times = [frame.pts * frame.time_base for frame in file.decode(stream)]
        assert stream.duration is not None
        return times, (stream.start_time + stream.duration) * stream.time_base


def test_a_last_frame_of_its_own_length_keeps_it(uneven: Path, tmp_path: Path) -> None:
    etok = encoded(uneven, tmp_path / "a.etok")
    times, end = decoded(etok, tmp_path / "a.mp4")
    assert times == [Fraction(t, 1000) for t in UNEVEN]
    assert end == Fraction(END, 1000)


def test_a_part_ends_where_it_is_cut(uneven: Path, tmp_path: Path) -> None:
    etok = encoded(uneven, tmp_path / "a.etok")
    times, end = decoded(etok, tmp_path / "a.mp4", start=1.3, duration=1.4)
    assert times == [Fraction(t - 1300, 1000) for t in (1300, 2000, 2001)]
    assert end == Fraction(1400, 1000)


def test_what_was_encoded_from_within_a_video_is_shown_from_zero(uneven: Path, tmp_path: Path) -> None:
    etok = encoded(uneven, tmp_path / "a.etok", start=1.3)
    with api.open_etok(etok, MODEL) as file:
        first = next(pts for pts, _ in file.frames())
        assert file.header.seconds(first) == 1.3  # as in the source, so that verify finds its frames
    times, end = decoded(etok, tmp_path / "a.mp4")
    assert times == [Fraction(t - 1300, 1000) for t in UNEVEN[6:]]
    assert end == Fraction(END - 1300, 1000)
    assert api.verify(etok, uneven, model=MODEL).findings == ()


@pytest.mark.parametrize("ending", ["mkv", "mp4"])
def test_a_constant_rate_costs_no_byte(tmp_path: Path, ending: str) -> None:
    source = write_clip(tmp_path / f"in.{ending}", moving(7), codec="ffv1" if ending == "mkv" else "libx264")
    with Reader(encoded(source, tmp_path / "a.etok")) as reader:
        assert dict(reader.header.extra) == {}
    total = api.encode(source, tmp_path / "b.etok", model=MODEL, size="source")
    assert total.duration_s == pytest.approx(7 / 25)


def test_the_summary_counts_the_last_frame_whole(uneven: Path, tmp_path: Path) -> None:
    total = api.encode(uneven, tmp_path / "a.etok", model=MODEL, size="source")
    assert total.duration_s == END / 1000


def test_encode_decode_and_stats_agree_on_how_long_it_is(uneven: Path, tmp_path: Path) -> None:
    one = write_clip(tmp_path / "one.mkv", moving(1))
    for source, options, length in ((uneven, {}, END / 1000), (uneven, {"duration": 1.4}, 1.4), (one, {}, 0.04)):
        etok = tmp_path / "a.etok"
        total = api.encode(source, etok, model=MODEL, size="source", overwrite=True, **options)
        shown = api.decode(etok, tmp_path / "a.mp4", model=MODEL, overwrite=True)
        with Reader(etok) as reader:
            assert read_usage(reader).duration_s == pytest.approx(length)
        assert total.duration_s == shown.duration_s == pytest.approx(length)
    part = api.decode(encoded(uneven, tmp_path / "b.etok"), tmp_path / "b.mp4", model=MODEL, start=1.3, duration=1.4)
    assert part.duration_s == pytest.approx(1.4)


@pytest.mark.parametrize("end", [10**18, -5, 3.5, "late", True, None, 10**12])
def test_an_end_that_cannot_be_is_not_believed(uneven: Path, tmp_path: Path, end: Any) -> None:
    from dataclasses import replace

    from elastictok_cli.container import Writer

    with Reader(encoded(uneven, tmp_path / "a.etok")) as reader:
        header = replace(reader.header, extra={"end_pts": end})
        with Writer(tmp_path / "b.etok", header) as writer:
            for gop in reader.gops():
                writer.write_gop(gop)
            writer.finish()
    with Reader(tmp_path / "b.etok") as reader:
        options = for_file(SinkOptions(), reader)
    assert options.end_pts is None or options.end_pts < 0  # one before the last frame is ignored by the sink
    assert decoded(tmp_path / "b.etok", tmp_path / "b.mp4")[0][-1] == Fraction(UNEVEN[-1], 1000)
