"""A file of a given size: close below it, in the time of at most three passes, and nothing else left behind."""

from __future__ import annotations

import io
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from elastictok_cli import api
from elastictok_cli.codec.events import (
    Event,
    Finished,
    Opened,
    PassDone,
    PassStarted,
    SizeReached,
    Started,
)
from elastictok_cli.codec.multipass import _PassSearch
from elastictok_cli.codec.target import Target
from elastictok_cli.container import Reader
from elastictok_cli.errors import OutputError, ThresholdMissed, UsageError
from elastictok_cli.units import bytes_of

from .conftest import moving, write_clip
from .dct import DctModel

MODEL = DctModel()


def textured(frames: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """A picture with the spectrum of natural ones, seen through a window that moves: (T, 48, 64, 3)."""
    rng = np.random.default_rng(seed)
    y, x = np.meshgrid(np.fft.fftfreq(128), np.fft.fftfreq(192), indexing="ij")
    falls = 1 / np.maximum(np.hypot(x, y), 1 / 192)[..., None] ** 1.5
    waves = np.fft.ifft2(np.fft.fft2(rng.normal(size=(128, 192, 3)), axes=(0, 1)) * falls, axes=(0, 1)).real
    picture = np.clip(128 + 50 * waves / waves.std(), 0, 255).astype(np.uint8)
    return np.stack([picture[t // 2 : t // 2 + 48, t : t + 64] for t in range(frames)])


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("size") / "in.mkv", textured(60))


def run(source: Path, out: Any, target: Target, **options: Any) -> tuple[Finished, list[Event]]:
    events: list[Event] = []
    total = api.encode(source, out, model=MODEL, target=target, size="source", watch=events.append, **options)
    return total, events


@pytest.mark.parametrize("wanted", [10_000, 20_000, 40_000])
def test_the_file_is_at_most_three_per_cent_below_the_size(source: Path, tmp_path: Path, wanted: int) -> None:
    total, events = run(source, tmp_path / "a.etok", Target.size(wanted))
    written = (tmp_path / "a.etok").stat().st_size
    assert 0.97 * wanted <= written <= wanted and total.bytes_out == written
    done = [event for event in events if isinstance(event, PassDone)]
    assert [event.number for event in done] == list(range(1, len(done) + 1)) and len(done) <= 3
    (reached,) = [event for event in events if isinstance(event, SizeReached)]
    assert (reached.threshold, reached.fill_ratio) == (
        done[reached.kept - 1].threshold,
        done[reached.kept - 1].fill_ratio,
    )
    with Reader(tmp_path / "a.etok") as reader:
        header = reader.header
        assert (header.target, header.target_value, header.threshold) == ("size", wanted, reached.threshold)
        assert all(tile.mse <= header.threshold for block in reader.blocks() for tile in block.tiles)
    assert [path.name for path in tmp_path.iterdir()] == ["a.etok"]
    assert api.verify(tmp_path / "a.etok", source, model=MODEL).findings == ()


def test_bits_per_pixel_do_not_count_the_sound(tmp_path: Path) -> None:
    loud = write_clip(tmp_path / "in.mkv", textured(60), sound=True)
    run(loud, tmp_path / "a.etok", Target.bpp(1.0))
    with Reader(tmp_path / "a.etok") as reader:
        parts = reader.chunk_bytes
        video = sum(parts.values()) - parts["sound"]
        assert parts["sound"] > 30_000
        assert 0.97 <= 8 * video / (60 * 64 * 48) <= 1


def test_events_are_those_of_every_pass_and_one_end(source: Path, tmp_path: Path) -> None:
    _, events = run(source, tmp_path / "a.etok", Target.size(20_000))
    assert isinstance(events[0], Opened) and isinstance(events[1], PassStarted) and isinstance(events[-1], Finished)
    assert sum(isinstance(event, Finished) for event in events) == 1
    passes = sum(isinstance(event, PassStarted) for event in events)
    assert passes == sum(isinstance(event, Started) for event in events)


def test_a_stream_gets_the_bytes_of_a_file(source: Path, tmp_path: Path) -> None:
    out = io.BytesIO()
    run(source, out, Target.size(20_000))
    run(source, tmp_path / "a.etok", Target.size(20_000))
    assert out.getvalue() == (tmp_path / "a.etok").read_bytes()


def test_more_than_the_best_needs_is_the_best(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "in.mkv", moving(5))
    total, events = run(clip, tmp_path / "a.etok", Target.size(10**6))
    assert total.bytes_out < 10**5
    (reached,) = [event for event in events if isinstance(event, SizeReached)]
    assert reached.fill_ratio < 0.2 and reached.kept in (1, 2, 3)


def test_less_than_the_coarsest_needs_is_reported(source: Path, tmp_path: Path) -> None:
    coarsest, _ = run(source, tmp_path / "coarsest.etok", Target.threshold(0.9))
    with pytest.raises(ThresholdMissed, match=r"over .* after \d passes.*a looser threshold made it hardly smaller"):
        run(source, tmp_path / "a.etok", Target.size(0.8 * coarsest.bytes_out))
    assert (tmp_path / "a.etok").stat().st_size < 1.1 * coarsest.bytes_out


def test_less_than_its_sound_is_refused_with_what_to_do(loud_clip: Path, tmp_path: Path) -> None:
    said = "100 B is too small: the sound alone takes .* kB; use a larger `target_size`, or leave out the sound"
    with pytest.raises(UsageError, match=said):
        run(loud_clip, tmp_path / "a.etok", Target.size(100))


def test_less_than_its_tables_is_refused_and_leaves_nothing(source: Path, tmp_path: Path) -> None:
    (tmp_path / "a.etok").write_bytes(b"precious")
    with pytest.raises(UsageError, match="100 B is too small: the tables alone take .*; use a larger `target_size`$"):
        run(source, tmp_path / "a.etok", Target.size(100), overwrite=True)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"precious"]


@pytest.mark.parametrize(("name", "why"), [("none/a.etok", "the folder .* does not exist"), ("folder", "is a folder")])
@pytest.mark.parametrize("target", [Target.size(10_000), Target.threshold(0.1)])
def test_an_output_that_cannot_be_written_is_reported(
    source: Path, tmp_path: Path, name: str, why: str, target: Target
) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=f"{name}: {why}"):
        run(source, tmp_path / name, target, overwrite=True)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_an_interrupted_run_leaves_nothing(source: Path, tmp_path: Path) -> None:
    seen = []

    def interrupt(event: Event) -> None:
        seen.append(event)
        if len(seen) == 40:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.encode(source, tmp_path / "a.etok", model=MODEL, target=Target.size(20_000), size="source", watch=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_strict_and_resume_need_one_threshold(source: Path, tmp_path: Path) -> None:
    for option in ("strict", "resume"):
        with pytest.raises(UsageError, match=f"`{option}` needs"):
            run(source, tmp_path / "a.etok", Target.size(20_000), **{option: True})


@pytest.mark.parametrize(
    ("ratios", "kept"), [((0.5, 1.2, 0.9), 0.9), ((1.5, 1.01), 1.01), ((0.8, 1.001, 0.7), 0.8), ((1.0,), 1.0)]
)
def test_the_largest_not_over_the_size_is_kept(ratios: tuple[float, ...], kept: float) -> None:
    passes = [SimpleNamespace(stats=SimpleNamespace(fill_ratio=ratio)) for ratio in ratios]
    assert _PassSearch.best.fget(SimpleNamespace(passes=passes)).stats.fill_ratio == kept  # type: ignore[attr-defined]


def test_rate_control_with_several_processes_uses_whole_gops(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "in.mkv", textured(120))
    options = {"gop_blocks": 1, "jobs": 2, "overwrite": True}
    for _ in range(2):
        run(source, tmp_path / "a.etok", Target.size(40_000), **options)
        size = (tmp_path / "a.etok").stat().st_size
        assert 38_800 <= size <= 40_000
        (tmp_path / f"{size}").touch()
    assert len(list(tmp_path.iterdir())) == 3  # the same bytes both times


@pytest.mark.parametrize(
    ("text", "count"),
    [("1.5MB", 1_500_000), ("800kB", 800_000), ("2 MiB", 2 << 20), ("1500", 1500), ("3g", 3 * 10**9), ("7B", 7)],
)
def test_sizes_in_words(text: str, count: float) -> None:
    assert bytes_of(text) == count


@pytest.mark.parametrize("text", ["", "MB", "1.5TB", "-3k", "1..5k", "5i", "1e6"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(ValueError):
        bytes_of(text)


@pytest.mark.parametrize(
    ("make", "value"), [(Target.size, 0), (Target.size, math.inf), (Target.bpp, 0), (Target.bpp, 99)]
)
def test_goals_that_cannot_be(make: Any, value: float) -> None:
    with pytest.raises(UsageError):
        make(value)
