"""The loop of encode: the guarantee, and that nothing but the input and the options decides a byte."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from elastictok_cli import api
from elastictok_cli.codec.encoder import encode
from elastictok_cli.codec.events import BlockDone, Event, Started
from elastictok_cli.codec.header import make_header
from elastictok_cli.codec.rate_control import BlockTarget
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target
from elastictok_cli.container import Reader, Writer, part_path
from elastictok_cli.errors import ThresholdMissed, UsageError
from elastictok_cli.search import STRATEGIES
from elastictok_cli.video import open_source

from .conftest import moving, write_clip
from .dct import DctModel
from .runs import blocks_of, encoded, shown, totals_of, true_errors

MODELS = {
    "ladder": DctModel(),
    "counts": DctModel(num_qindex=0),
    "tiles": DctModel(num_qindex=0, tile=(16, 16)),
    "jumpy": DctModel(jitter=1),
}

SOME_SLOW = [pytest.param(name, marks=[pytest.mark.slow] * (name in ("full", "binned"))) for name in STRATEGIES]


@pytest.mark.parametrize("search", SOME_SLOW)
@pytest.mark.parametrize("kind", MODELS)
def test_what_was_measured_is_what_decode_shows(kind: str, search: str, clip: Path) -> None:
    model, target = MODELS[kind], Target.threshold(0.004)
    etok, events = encoded(clip, model, target, search)
    measured = blocks_of(events)
    assert [b.frames for b in measured] == [2] * 8 + [1]
    assert [b.gop for b in measured] == [0] * 3 + [1] * 3 + [2] * 3
    assert [b.mse for b in measured] == pytest.approx(true_errors(etok, model, clip), rel=1e-12)


@pytest.mark.parametrize("search", SOME_SLOW)
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("threshold", [0.0005, 0.004, 0.05])
def test_met_is_never_claimed_wrongly(kind: str, search: str, threshold: float, clip: Path) -> None:
    model = MODELS[kind]
    etok, events = encoded(clip, model, Target.threshold(threshold), search)
    true = true_errors(etok, model, clip)
    one_tile = Reader(etok).header.geometry.tiles == 1
    for block, record, mse in zip(blocks_of(events), Reader(etok).blocks(), true, strict=True):
        assert block.met == record.met
        assert block.met == all(tile.mse <= threshold for tile in record.tiles)
        if one_tile:
            assert block.met == (mse <= threshold)
        elif block.met:
            assert mse <= threshold
    assert totals_of(events).blocks_missed == sum(not block.met for block in blocks_of(events))


def test_most_blocks_meet_where_the_model_can(clip: Path) -> None:
    _, events = encoded(clip, DctModel(), Target.threshold(0.004))
    assert totals_of(events).blocks_met == 9


@pytest.mark.parametrize("kind", MODELS)
def test_threads_change_no_byte(kind: str, clip: Path) -> None:
    alone, _ = encoded(clip, MODELS[kind], threads=1)
    together, _ = encoded(clip, MODELS[kind], threads=4)
    assert alone == together


def test_events_tell_the_whole_curve_and_why(clip: Path) -> None:
    etok, events = encoded(clip, DctModel())
    assert isinstance(events[0], Started)
    header = Reader(etok).header
    for block, record in zip(blocks_of(events), Reader(etok).blocks(), strict=True):
        assert (record.tiles[0].qindex, record.count, block.mse) in [(p.qindex, p.count, p.mse) for p in block.probes]
        assert block.why
        assert block.counts == (record.count,)
        assert block.tokens <= block.max_tokens <= header.max_tokens
        assert (block.bits > 0) == (block.tokens > 0)
    total = totals_of(events)
    assert total.bytes_out == len(etok)
    assert (total.frames, total.blocks) == (17, 9)
    assert total.tokens == sum(block.tokens for block in blocks_of(events))
    assert total.mse == pytest.approx(np.average([b.mse for b in blocks_of(events)], weights=[2] * 8 + [1]))
    assert total.duration_s == pytest.approx(17 / 25)


@pytest.mark.parametrize("stop", [1, 2, 4, 7, 9])
@pytest.mark.parametrize("name", ["clip", "loud_clip"])
def test_a_resumed_run_writes_the_bytes_of_an_uninterrupted_one(
    name: str, stop: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    path: Path = request.getfixturevalue(name)
    model, target = DctModel(), Target.threshold(0.003)
    whole, whole_events = encoded(path, model, target)
    settings = EncodeSettings(target=target)
    out = tmp_path / "out.etok"
    with open_source(path, size="source") as source:
        writer = Writer(out, make_header(source.info, model, settings))
        events = encode(source, model, writer, settings)
        blocks = 0
        for event in events:
            blocks += isinstance(event, BlockDone)
            if blocks == stop:
                break
        events.close()
        writer.abort(keep_part=True)
    assert not out.exists()
    with open_source(path, size="source") as source:
        writer, done = Writer.resume(out, make_header(source.info, model, settings))
        again = list(encode(source, model, writer, settings, done=done))
    assert out.read_bytes() == whole
    assert not part_path(out).exists()
    assert isinstance(again[0], Started)
    assert again[0].frames_done == sum(gop.frames for gop in done)
    assert totals_of(again).tokens == totals_of(whole_events).tokens
    assert totals_of(again).blocks_met == totals_of(whole_events).blocks_met
    numbers = [block.index for block in blocks_of(again)]
    assert numbers == list(range(9 - len(numbers), 9))


def interrupted(path: Path, out: Path, start: float | None = None, duration: float | None = None) -> None:
    """Leaves the `.part` of a run that was stopped when two GOPs (12 frames), or all of a shorter range, were there."""
    with open_source(path, size="source", start=start, duration=duration) as source:
        model, settings = DctModel(), EncodeSettings(target=Target.threshold(0.003))
        writer = Writer(out, make_header(source.info, model, settings))
        events = encode(source, model, writer, settings)
        for event in events:
            if isinstance(event, BlockDone) and event.index == (6 if duration is None else 3):
                break
        events.close()
        writer.abort(keep_part=True)


@pytest.mark.parametrize("options", [{"start": 2 / 25}, {"start": 1 / 25, "duration": 8 / 25}])
def test_a_run_of_other_frames_is_not_resumed(clip: Path, tmp_path: Path, options: dict[str, float]) -> None:
    """Another start; and, for the duration, an input that has ended before what is there does."""
    out = tmp_path / "out.etok"
    interrupted(clip, out, start=1 / 25)
    before = part_path(out).read_bytes()
    with pytest.raises(UsageError, match="made of other frames"):
        api.encode(clip, out, model=DctModel(), target=Target.threshold(0.003), size="source", resume=True, **options)
    assert before.startswith(part_path(out).read_bytes()) and len(before) > 100


def test_a_last_gop_that_is_not_full_is_made_again(clip: Path, tmp_path: Path) -> None:
    """For it may have ended a shorter --duration."""
    out = tmp_path / "out.etok"
    interrupted(clip, out, duration=8 / 25)
    api.encode(clip, out, model=DctModel(), target=Target.threshold(0.003), size="source", resume=True)
    assert out.read_bytes() == encoded(clip, DctModel(), Target.threshold(0.003))[0]


def test_another_limit_of_tokens_is_not_resumed(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.etok"
    interrupted(clip, out)
    with pytest.raises(UsageError, match="other options"):
        api.encode(
            clip, out, model=DctModel(), target=Target.threshold(0.003), size="source", resume=True, max_tokens=9
        )


def test_strict_does_not_resume_what_was_missed(clip: Path, tmp_path: Path) -> None:
    out, target = tmp_path / "out.etok", Target.threshold(1e-9)
    settings = EncodeSettings(target=target)
    with open_source(clip, size="source") as source:
        writer = Writer(out, make_header(source.info, DctModel(), settings))
        events = encode(source, DctModel(), writer, settings)
        assert not next(event for event in events if isinstance(event, BlockDone) and event.index == 6).met
        events.close()
        writer.abort(keep_part=True)
    with pytest.raises(ThresholdMissed, match="resumed"):
        api.encode(clip, out, model=DctModel(), target=target, size="source", resume=True, strict=True)


def test_a_gop_depends_on_nothing_before_it(clip: Path) -> None:
    """So that GOPs can be coded anywhere: the blocks of a later GOP are those of a file that starts there."""
    model = DctModel()
    etok, _ = encoded(clip, model)
    with open_source(clip, size="source", start=6 / 25) as source:
        out = io.BytesIO()
        settings = EncodeSettings(target=Target.threshold(0.003))
        list(encode(source, model, Writer(out, make_header(source.info, model, settings)), settings))
    first, second = Reader(etok).gop(1), Reader(out.getvalue()).gop(0)
    assert (first.payload, first.blocks, first.digest) == (second.payload, second.blocks, second.digest)


def test_a_model_may_end_its_ladder_for_a_threshold(clip: Path) -> None:
    class Careful(DctModel):
        def coarsest_qindex(self, threshold: float, source: npt.NDArray[np.uint8]) -> int:
            return 40

    easy = Target.threshold(0.3)
    assert all(block.probes[-1].qindex > 40 for block in blocks_of(encoded(clip, DctModel(), easy)[1]))
    for block in blocks_of(encoded(clip, Careful(), easy)[1]):
        assert block.met and max(probe.qindex for probe in block.probes) == block.probes[-1].qindex == 40


def test_the_bundled_model_gives_no_easy_scene_a_coarse_step(tmp_path: Path) -> None:
    """Nearly flat frames, whose brightness drifts: every step of the ladder meets, and the coarsest leave squares."""
    ramp = np.linspace(118, 130, 64)[None, :, None] + np.linspace(0, 6, 48)[:, None, None]
    drift = np.stack([ramp + np.array([t, 0.5 * t, 0]) / 2 for t in range(24)])
    clip = write_clip(tmp_path / "in.mkv", drift.round().clip(0, 255).astype(np.uint8))
    nano, target = api.load_model(), Target.threshold(0.007)
    events: list[Event] = []
    api.encode(clip, tmp_path / "a.etok", target=target, model=nano, watch=events.append)
    steps = [probe.qindex for block in blocks_of(events) for probe in block.probes]
    assert max(steps) == nano.coarsest_qindex(0.007, drift.astype(np.uint8)) < 479  # type: ignore[attr-defined]


def test_a_fade_to_black_ends_in_black(tmp_path: Path) -> None:
    """What is left of the picture is far below the threshold by then, and is all there is to see."""
    scene = moving(1)[0].astype(float)
    fade = np.stack([scene * max(0, 20 - t) / 20 for t in range(40)]).astype(np.uint8)
    clip = write_clip(tmp_path / "in.mkv", fade)
    api.encode(clip, tmp_path / "a.etok", target=Target.threshold(0.015), size="source")
    with api.open_etok(tmp_path / "a.etok") as file:
        shown = [rgb for _, rgb in file.frames()]
    assert max(int(rgb.max()) for rgb in shown[20:]) <= 10  # 18 if the block were as coarse as any other


def test_strict_stops_at_the_first_miss_and_says_which(clip: Path, tmp_path: Path) -> None:
    model, out = DctModel(num_qindex=0), tmp_path / "out.etok"
    settings = EncodeSettings(target=Target.threshold(0.0001), strict=True)
    with (
        open_source(clip, size="source") as source,
        Writer(out, make_header(source.info, model, settings)) as writer,
        pytest.raises(ThresholdMissed, match=r"block 0 \(at 0.00 s\).*even the largest misses.*`strict`"),
    ):
        list(encode(source, model, writer, settings))
    assert list(tmp_path.iterdir()) == []


def test_a_closed_run_leaves_no_thread_behind(clip: Path) -> None:
    before = threading.active_count()
    with open_source(clip, size="source") as source:
        model, settings = DctModel(), EncodeSettings(target=Target.threshold(0.003))
        events = encode(source, model, Writer(io.BytesIO(), make_header(source.info, model, settings)), settings)
        next(event for event in events if isinstance(event, BlockDone))
        events.close()
    assert threading.active_count() == before


@pytest.mark.parametrize("count", [0, 1, 40, 150])
@pytest.mark.parametrize("kind", ["ladder", "counts", "tiles"])
def test_a_fixed_count_is_never_passed(kind: str, count: int, clip: Path) -> None:
    etok, events = encoded(clip, MODELS[kind], Target.fixed(count))
    for block in blocks_of(events):
        assert max(block.counts) <= count
    if kind == "counts" and count:
        assert all(block.tokens == count for block in blocks_of(events))
    assert [b.mse for b in blocks_of(events)] == pytest.approx(true_errors(etok, MODELS[kind], clip), rel=1e-12)


def test_a_fixed_count_on_a_ladder_takes_the_finest_step_that_fits(clip: Path) -> None:
    model = DctModel()
    _, events = encoded(clip, model, Target.fixed(80))
    first = blocks_of(events)[0]
    with open_source(clip, size="source") as source:
        frames = np.stack([frame.rgb for frame, _ in zip(source.frames(), range(2), strict=False)])
    padded = np.pad(frames, ((0, 0), (0, 2), (0, 2), (0, 0)), mode="edge")
    analysis = model.prepare(model.start(24, 32), padded)
    counts = [model.tokens(None, analysis, None, step).count for step in range(model.num_qindex)]
    assert first.tokens == max(count for count in counts if count <= 80)


@pytest.mark.parametrize("kind", ["ladder", "counts", "tiles"])
def test_a_cap_is_kept_and_what_it_costs_is_flagged(kind: str, clip: Path) -> None:
    free, _ = encoded(clip, MODELS[kind], Target.threshold(0.002))
    most = max(tile.count for block in Reader(free).blocks() for tile in block.tiles)
    etok, events = encoded(clip, MODELS[kind], Target.threshold(0.002), max_tokens=most // 2)
    capped = list(Reader(etok).blocks())
    assert max(tile.count for block in capped for tile in block.tiles) <= most // 2
    assert totals_of(events).blocks_missed > 0
    for mse, block in zip(true_errors(etok, MODELS[kind], clip), capped, strict=True):
        assert not block.met or mse <= 0.002


def test_a_count_below_the_models_least_is_refused(clip: Path) -> None:
    class Demanding(DctModel):
        @property
        def spec(self):  # type: ignore[no-untyped-def]
            from dataclasses import replace

            return replace(super().spec, min_tokens=16)

    with pytest.raises(UsageError, match="`max_tokens` 4: dct needs at least 16"):
        encoded(clip, Demanding(), max_tokens=4)
    with pytest.raises(UsageError, match="`tokens` 4: dct needs at least 16"):
        encoded(clip, Demanding(), Target.fixed(4))


def test_the_padding_is_not_measured(clip: Path) -> None:
    """30x22 is coded as 32x24: the error of the edge that nobody sees must not count."""
    etok, events = encoded(clip, DctModel())
    assert Reader(etok).header.geometry.width == 32
    assert shown(etok, DctModel())[0].frames.shape == (2, 22, 30, 3)
    assert blocks_of(events)[0].mse == pytest.approx(true_errors(etok, DctModel(), clip)[0], rel=1e-12)


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("budget", [0.0, 1.3, 4.0])
def test_a_block_uses_up_its_bit_budget(kind: str, budget: float, clip: Path) -> None:
    """Its bits come as near as its finest tile can, and it meets all the same."""
    model, target = MODELS[kind], Target.threshold(0.02)
    plain = blocks_of(encoded(clip, model, target)[1])[0].bits
    settings = EncodeSettings(target=target)

    def block_target(known: int, blocks: int) -> BlockTarget:
        return BlockTarget(max_mse=0.02, bit_budget=budget * plain if known == 0 else None)

    with open_source(clip) as source:
        writer = Writer(io.BytesIO(), make_header(source.info, model, settings))
        first = blocks_of(list(encode(source, model, writer, settings, block_targets=block_target)))[0]
    assert first.met
    if budget == 0:
        assert first.bits == plain
    else:
        # in tiles only the last one may, and a jumpy curve costs more at times than it seems to
        assert plain < first.bits <= budget * plain
        assert first.bits > 0.85 * budget * plain or kind in ("tiles", "jumpy")
