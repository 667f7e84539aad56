"""verify measures again, and finds a file that promises what it does not hold."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest

from elastictok_cli.codec.events import BlockChecked, Event, Verified
from elastictok_cli.codec.target import Target
from elastictok_cli.codec.verify import verify
from elastictok_cli.container import Reader, Writer
from elastictok_cli.errors import InputError
from elastictok_cli.report import read_usage
from elastictok_cli.video import open_source

from .conftest import moving, write_clip
from .dct import DctModel
from .runs import blocks_of, encoded, totals_of


def checked(etok: bytes, path: Path, model: DctModel) -> tuple[list[BlockChecked], Verified]:
    with Reader(etok) as reader, open_source(path, size="source") as source:
        events: list[Event] = list(verify(reader, model, source))
    assert isinstance(events[-1], Verified)
    return [event for event in events if isinstance(event, BlockChecked)], events[-1]


@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_it_measures_what_encode_measured(tile: tuple[int, int] | None, clip: Path) -> None:
    model = DctModel(tile=tile)
    etok, events = encoded(clip, model)
    blocks, total = checked(etok, clip, model)
    assert [b.mse for b in blocks] == pytest.approx([b.mse for b in blocks_of(events)], rel=1e-12)
    assert all(b.ok for b in blocks)
    assert total.findings == ()
    assert total.mse == pytest.approx(totals_of(events).mse, rel=1e-12)


@pytest.mark.parametrize("tile", [None, (16, 16), (24, 16)])
def test_the_stored_error_is_the_same_with_and_without_the_source(tile: tuple[int, int] | None, clip: Path) -> None:
    """Also where tiles reach over the edge: each counts by what is visible of it."""
    model = DctModel(tile=tile)
    etok, events = encoded(clip, model)
    with_source, _ = checked(etok, clip, model)
    with Reader(etok) as reader:
        without = [event for event in verify(reader, model) if isinstance(event, BlockChecked)]
        usage = read_usage(reader)
    stored = [block.stored_mse for block in without]
    assert stored == [block.stored_mse for block in with_source] == [block.mse for block in usage.blocks]
    assert stored == pytest.approx([block.mse for block in blocks_of(events)], rel=7e-4)


def lying(etok: bytes) -> bytes:
    """The same tokens, every block said to meet."""
    out = io.BytesIO()
    with Reader(etok) as reader:
        writer = Writer(out, reader.header)
        for gop in reader.gops():
            blocks = tuple(
                replace(b, tiles=tuple(replace(t, met=True, mse=0.0001) for t in b.tiles)) for b in gop.blocks
            )
            writer.write_gop(replace(gop, blocks=blocks))
        writer.finish()
    return out.getvalue()


def test_a_block_that_is_stored_as_met_and_is_not_is_found(clip: Path) -> None:
    model = DctModel(num_qindex=0)
    etok, events = encoded(clip, model, Target.threshold(0.0001))
    assert totals_of(events).blocks_missed == 9
    _, honest = checked(etok, clip, model)
    assert (honest.blocks_false, honest.findings) == (0, ())
    blocks, total = checked(lying(etok), clip, model)
    assert total.blocks_false == 9
    assert not any(block.ok for block in blocks)
    assert "9 of 9 blocks" in total.findings[0]


def test_without_a_source_the_tokens_are_checked(clip: Path) -> None:
    etok, _ = encoded(clip, DctModel())
    with Reader(etok) as reader:
        events = list(verify(reader, DctModel()))
    assert isinstance(events[-1], Verified)
    assert (events[-1].blocks, events[-1].frames, events[-1].mse, events[-1].findings) == (9, 17, None, ())


def test_without_a_model_the_structure_is_checked(clip: Path) -> None:
    etok, _ = encoded(clip, DctModel())
    at = len(etok) // 2
    for data, found in ((etok, 0), (etok[:at] + bytes([etok[at] ^ 1]) + etok[at + 1 :], 1)):
        with Reader(data) as reader:
            total = list(verify(reader))[-1]
        assert isinstance(total, Verified)
        assert bool(total.findings) == bool(found)


def test_another_video_is_not_taken_for_the_source(clip: Path, tmp_path: Path) -> None:
    etok, _ = encoded(clip, DctModel())
    slower = write_clip(tmp_path / "slower.mkv", moving(17), rate=20)
    _, total = checked(etok, slower, DctModel())
    assert total.findings
    different = write_clip(tmp_path / "different.mkv", moving(17, seed=5)[:, ::-1].copy())
    with pytest.raises(InputError, match=r"different.mkv: this is not what .* was made from: [0-9.]+ dB at frame 0$"):
        checked(etok, different, DctModel())


def test_times_are_compared_in_seconds(tmp_path: Path) -> None:
    """AVI counts in frames and Matroska in milliseconds: one tick may be two times, and one time two ticks."""
    frames = moving(17)
    etok, _ = encoded(write_clip(tmp_path / "a.avi", frames), DctModel())
    _, faster = checked(etok, write_clip(tmp_path / "faster.avi", frames, rate=30), DctModel())
    assert faster.findings
    blocks, same = checked(etok, write_clip(tmp_path / "same.mkv", frames), DctModel())
    assert same.findings == () and all(block.ok for block in blocks)
