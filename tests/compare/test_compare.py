"""Source and reconstructions side by side: which frames meet, what the video and the sheet show, what is refused."""

from __future__ import annotations

import io
from contextlib import ExitStack
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from codec.conftest import HEIGHT, WIDTH, moving, write_clip
from codec.dct import DctModel
from codec.runs import encoded, shown, source_frames
from video.clips import write_video

from elastictok_cli.codec.encoder import encode
from elastictok_cli.codec.events import BlockDone, Event, Finished, Warned
from elastictok_cli.codec.header import make_header
from elastictok_cli.codec.keep import Keep
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target
from elastictok_cli.compare import CompareOptions, Panel, compare
from elastictok_cli.compare.matched import Matched
from elastictok_cli.compare.panels import comparable, labels, titles
from elastictok_cli.container import Reader, Writer
from elastictok_cli.errors import InputError, OutputError, UsageError
from elastictok_cli.report.curve import Curve
from elastictok_cli.report.theme import DARK
from elastictok_cli.video import open_source

FRAMES = 17


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mkv", moving(FRAMES), sound=True)


@pytest.fixture(scope="module")
def files(clip: Path) -> list[bytes]:
    """The clip at two thresholds."""
    return [encoded(clip, DctModel(), Target.threshold(t))[0] for t in (0.003, 0.03)]


def run(clip: Path, files: list[bytes], output: Path, **options: Any) -> list[Event]:
    with ExitStack() as stack:
        source = stack.enter_context(open_source(clip, size="source"))
        readers = [stack.enter_context(Reader(data)) for data in files]
        panels = [Panel.of(reader, DctModel()) for reader in readers]
        return list(compare(source, panels, str(output), CompareOptions(**options)))


def read(path: Path) -> tuple[list[Fraction], list[Any]]:
    """Times and pictures."""
    with av.open(str(path)) as file:
        frames = list(file.decode(video=0))
        return [frame.pts * frame.time_base for frame in frames], [frame.to_ndarray(format="rgb24") for frame in frames]


def panels(sheet: Any, count: int, width: int, height: int, top: int) -> list[Any]:
    """The pictures of a row, by the geometry of report/canvas.py."""
    across = count * width + (count - 1) * 8
    left = (sheet.shape[1] - across) // 2
    return [sheet[top : top + height, left + i * (width + 8) : left + i * (width + 8) + width] for i in range(count)]


def test_frames_of_all_files_are_those_that_decode_shows(clip: Path, files: list[bytes]) -> None:
    with open_source(clip, size="source") as source, Reader(files[0]) as a, Reader(files[1]) as b:
        shots = list(Matched(source, [a, b], [DctModel(), DctModel()]).shots())
    for number, pictures in enumerate(zip(*(shot.pictures for shot in shots), strict=True)):
        decoded = shown(files[number - 1], DctModel()) if number else []
        want = np.concatenate([block.frames for block in decoded]) if number else source_frames(clip)
        assert np.array_equal(np.stack(pictures), want)
    assert [shot.blocks for shot in shots] == [(i // 2, i // 2) for i in range(FRAMES)]


def test_only_the_time_that_all_have_is_shown(clip: Path) -> None:
    """One file begins later than the other and ends earlier than the source."""
    with open_source(clip, size="source", start=0.2, duration=0.24) as part:
        out, model = io.BytesIO(), DctModel()
        settings = EncodeSettings(target=Target.threshold(0.01))
        list(encode(part, model, Writer(out, make_header(part.info, model, settings)), settings))
    whole = encoded(clip, DctModel())[0]
    with open_source(clip, size="source") as source, Reader(whole) as a, Reader(out.getvalue()) as b:
        shots = list(Matched(source, [a, b], [DctModel(), DctModel()]).shots())
        tick = 1 / (25 * source.info.time_base)
    assert [shot.pts for shot in shots] == [n * tick for n in range(5, 11)]
    assert [shot.blocks for shot in shots] == [(n // 2, (n - 5) // 2) for n in range(5, 11)]


def test_moments_that_one_lacks_are_left_out(tmp_path: Path) -> None:
    """The file was made from a copy that lost some frames and has one of its own."""
    whole = write_video(tmp_path / "whole.mkv", 6, pts=[0, 40, 80, 120, 160, 200], time_base=Fraction(1, 1000))
    lost = write_video(tmp_path / "lost.mkv", 4, pts=[0, 80, 100, 200], time_base=Fraction(1, 1000))
    data = encoded(lost, DctModel())[0]
    with open_source(whole, size="source") as source, Reader(data) as reader:
        shots = list(Matched(source, [reader], [DctModel()]).shots())
        tick = 1000 * source.info.time_base
    assert [shot.pts * tick for shot in shots] == [0, 80, 200]
    assert np.array_equal(shots[1].pictures[0], source_frames(whole)[2])
    assert np.array_equal(shots[1].pictures[1], shown(data, DctModel())[0].frames[1])


def test_the_video_has_the_times_and_the_sound_of_the_source(clip: Path, files: list[bytes], tmp_path: Path) -> None:
    out = tmp_path / "demo.mkv"
    events = run(clip, files, out, crf=0)
    times, pictures = read(out)
    assert times == read(clip)[0]
    with av.open(str(out)) as made, av.open(str(clip)) as source:
        sounds = [b"".join(bytes(p) for p in file.demux(audio=0)) for file in (made, source)]
    assert sounds[0] == sounds[1] and sounds[0]
    last = events[-1]
    assert isinstance(last, Finished)
    assert (last.frames, last.bytes_out) == (FRAMES, out.stat().st_size)
    assert [e.index for e in events if isinstance(e, BlockDone)] == list(range(9))
    # the source's own pixels are in the first panel, the coarser file's in the last; all were enlarged to 240 lines
    width = round(WIDTH * 240 / HEIGHT)
    top = 12 + 20 + 18 + 6
    first, fine, coarse = (p.astype(float) for p in panels(pictures[9], 3, width, 240, top))
    assert np.abs(first - fine).mean() < np.abs(first - coarse).mean()
    assert np.abs(first - fine).mean() < 25


def test_the_curve_is_drawn_as_the_video_plays(clip: Path, files: list[bytes], tmp_path: Path) -> None:
    out = tmp_path / "demo.mkv"
    run(clip, files[:1], out, crf=0)
    _, pictures = read(out)
    strip = [np.abs(p[-150:].astype(int) - pictures[0][-150:]).max(axis=2) > 60 for p in pictures]
    drawn = [int(np.flatnonzero(s.any(axis=0)).max(initial=0)) for s in strip]
    assert drawn == sorted(drawn) and drawn[-1] > drawn[4] + 100


def test_the_sheet_has_a_row_for_each_moment(clip: Path, files: list[bytes], tmp_path: Path) -> None:
    two, four = tmp_path / "two.png", tmp_path / "four.png"
    run(clip, files, two, rows=2, height=HEIGHT)
    run(clip, files, four, rows=4, height=HEIGHT)
    (short,), (long,) = read(two)[1], read(four)[1]
    assert long.shape[0] - short.shape[0] == 2 * (HEIGHT + 18 + 6)
    source = source_frames(clip)
    top = 12 + 20 + 18 + 6
    picture = panels(short, 3, WIDTH, HEIGHT, top)[0]
    assert np.array_equal(picture, source[5])  # the first frame after a quarter of 17
    assert np.array_equal(panels(short, 3, WIDTH, HEIGHT, top + HEIGHT + 24)[0], source[13])


@pytest.mark.parametrize("name", ["demo.gif", "demo.webm"])
def test_other_kinds_of_video(clip: Path, files: list[bytes], tmp_path: Path, name: str) -> None:
    events = run(clip, files[:1], tmp_path / name)
    times, pictures = read(tmp_path / name)
    assert pictures[0].shape[1] >= 480
    assert len(times) == (9 if name.endswith("gif") else FRAMES)
    assert any("sound" in e.text for e in events if isinstance(e, Warned))


def test_a_turned_video_is_shown_upright(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "turned.mov", 4, rotation=-90)
    data = encoded(clip, DctModel())[0]
    out = tmp_path / "sheet.png"
    run(clip, [data], out, rows=1, height=64)
    (sheet,) = read(out)[1]
    upright = np.rot90(source_frames(clip)[2], -1)
    assert np.array_equal(panels(sheet, 2, 48, 64, 12 + 20 + 18 + 6)[0], upright)


def test_a_file_of_another_video_is_refused_and_nothing_is_left(clip: Path, files: list[bytes], tmp_path: Path) -> None:
    other = write_clip(tmp_path / "other.mkv", moving(6), rate=24)
    data = encoded(other, DctModel())[0]
    out = tmp_path / "out.mp4"
    with pytest.raises(InputError, match="was not made from|is it the source"):
        run(write_clip(tmp_path / "x.mp4", moving(4), rate=30, codec="libx264"), [data], out)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["other.mkv", "x.mp4"]


def test_an_existing_output_stays(clip: Path, files: list[bytes], tmp_path: Path) -> None:
    out = tmp_path / "demo.mp4"
    out.write_bytes(b"precious")
    with pytest.raises(OutputError, match="exists"):
        run(clip, files, out)
    assert out.read_bytes() == b"precious"


@pytest.mark.parametrize("height", [0, 10_000])
def test_heights_that_cannot_be_meant(clip: Path, files: list[bytes], tmp_path: Path, height: int) -> None:
    with pytest.raises(UsageError, match="--height"):
        run(clip, files, tmp_path / "a.mp4", height=height)


def test_labels_say_what_the_file_says(files: list[bytes]) -> None:
    with Reader(files[0]) as reader:
        panel = Panel.of(reader, DctModel())
    label, usage = labels("here", [panel], DARK)[1], panel.usage
    assert label.title == "threshold 0.003"
    share = 100 * usage.tokens / usage.max_tokens
    assert label.detail.startswith(f"{usage.tokens / 9:,.0f} tokens per block ({share:.3g} %) · ")
    assert label.detail.endswith(f"{usage.bpp:.3g} bpp")


def test_models_with_other_blocks_are_named_and_compared_per_frame(clip: Path, files: list[bytes]) -> None:
    """Each label then has the model and the length, and a percentage of another number is left out."""
    with Reader(files[0]) as reader:
        short = Panel.of(reader, DctModel())
    header = replace(short.usage.header, block_frames=4, model="dct-long")
    blocks = tuple(replace(block, max_tokens=2 * block.max_tokens) for block in short.usage.blocks)
    long = replace(short, usage=replace(short.usage, header=header, blocks=blocks))
    assert titles([short, long]) == [
        "dct, 2 frames per block, threshold 0.003",
        "dct-long, 4 frames per block, threshold 0.003",
    ]
    assert comparable([short, short]) and not comparable([short, long])
    detail = labels("here", [short, long], DARK)[1].detail
    assert detail.startswith(f"{short.usage.tokens / FRAMES:,.0f} tokens per frame · ") and "%" not in detail


def test_a_loose_threshold_is_no_flat_line_beside_a_strict_one(files: list[bytes]) -> None:
    """Of two files that differ by a factor of a hundred both rise by the same height where their tokens double."""
    with Reader(files[0]) as reader:
        usage = Panel.of(reader, DctModel()).usage
    loose, strict = (
        replace(usage, blocks=tuple(replace(b, tokens=factor * (1 + b.index % 2)) for b in usage.blocks))
        for factor in (10, 1000)
    )
    curve = Curve([loose, strict], 400, 160, DARK, 13, 0.0, 0.68)
    heights = []
    for series in DARK.series[:2]:
        colour = np.array([int(series[i : i + 2], 16) for i in (1, 3, 5)])
        rows = np.flatnonzero((np.abs(curve.full.astype(int) - colour).max(axis=2) < 40).any(axis=1))
        heights.append(np.ptp(rows))
    assert heights[0] > 8 and abs(heights[0] - heights[1]) <= 1


@pytest.mark.parametrize("text", ["50%", "20"])
def test_a_cut_file_shows_what_a_decoder_makes_of_the_first_tokens(
    clip: Path, files: list[bytes], tmp_path: Path, text: str
) -> None:
    keep = Keep.parse(text)
    model = DctModel()
    with open_source(clip, size="source") as source, Reader(files[0]) as reader:
        panels = [Panel.of(reader, DctModel()), Panel.of(reader, model, keep)]
        shots = list(Matched(source, [reader, reader], [panel.model for panel in panels]).shots())
        list(compare(source, panels, str(tmp_path / "sheet.png"), CompareOptions(rows=1)))
    assert titles(panels) == ["threshold 0.003", f"threshold 0.003, first {text}" + " tokens" * (text == "20")]
    assert panels[1].usage.tokens < panels[0].usage.tokens
    state = None
    for block in shown(files[0], DctModel()):
        state = model.start(24, 32) if state is None or block.index % 3 == 0 else state
        (tokens,) = block.tokens
        cut = tokens.prefix(keep.count(tokens.count))
        assert panels[1].usage.blocks[block.index].tokens == cut.count <= tokens.count
        want = model.reconstruct(state, cut)[:, :HEIGHT, :WIDTH]
        got = [shot.pictures[2] for shot in shots if shot.blocks[1] == block.index]
        assert np.array_equal(np.stack(got), want)
        state = model.advance(state, cut)


@pytest.mark.parametrize(
    ("text", "says"), [("0%", "above 0 %"), ("120%", "at most 100 %"), ("half", "50%"), ("1.5", "number of tokens")]
)
def test_cuts_that_cannot_be_meant(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=f"--keep {text}: .*{says}"):
        Keep.parse(text)


def test_tokens_that_are_not_nested_cannot_be_cut(files: list[bytes]) -> None:
    class Plain(DctModel):
        @property
        def spec(self) -> Any:
            return replace(super().spec, nested=False)

    with Reader(files[0]) as reader, pytest.raises(UsageError, match="not nested"):
        Panel.of(reader, Plain(), Keep.parse("50%"))


def test_another_video_of_the_same_times_is_refused(clip: Path, files: list[bytes], tmp_path: Path) -> None:
    """Also if only its later frames differ; a copy that was compressed is taken."""
    frames = source_frames(clip)
    other = write_clip(tmp_path / "other.mkv", 255 - frames)
    late = write_clip(tmp_path / "late.mkv", np.concatenate([frames[:5], 255 - frames[5:]]))
    copy = write_clip(tmp_path / "copy.mkv", frames // 16 * 16 + 8)
    for path, frame in ((other, 0), (late, 6)):
        match = rf"{path.name}: this is not what .* was made from: -?[0-9.]+ dB at frame {frame}$"
        with pytest.raises(InputError, match=match):
            run(path, files, tmp_path / "out.mp4")
    run(copy, files, tmp_path / "out.png")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.mkv", "late.mkv", "other.mkv", "out.png"]


def test_a_range_of_the_source_is_shown_with_the_blocks_that_it_has(
    clip: Path, files: list[bytes], tmp_path: Path
) -> None:
    """From the third GOP's first block but one on: what lies before is not decoded."""
    with open_source(clip, size="source", start=0.52, duration=0.12) as source, Reader(files[0]) as reader:
        shots = list(Matched(source, [reader], [DctModel()]).shots())
        panels = [Panel.of(reader, DctModel())]
        events = list(compare(source, panels, str(tmp_path / "a.mkv"), CompareOptions(duration=0.12)))
    assert [shot.numbers for shot in shots] == [(13,), (14,), (15,)]
    assert [shot.blocks for shot in shots] == [(6,), (7,), (7,)]
    assert np.array_equal(shots[0].pictures[1], shown(files[0], DctModel())[6].frames[1])
    assert isinstance(events[-1], Finished) and (events[-1].frames, events[-1].duration_s) == (3, pytest.approx(0.12))
    times, _ = read(tmp_path / "a.mkv")
    assert [round(float(t), 3) for t in times] == [0, 0.04, 0.08]
