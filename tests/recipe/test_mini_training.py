"""Packed frames, and a training run that stops and continues as if it had not."""

from __future__ import annotations

import copy
import json
import shutil
from pathlib import Path

import export_mini
import mini_fast
import mini_start
import numpy as np
import packed
import pytest
import torch
import train_mini
from mini_trainer import Plan, Trainer, hardware_name, validate

from elastictok_cli.models.elastic.network import Elastic

from .mini import CONFIG, rows, smooth

DEMO = Path(__file__).parents[2] / "examples" / "demo.mp4"
PLAN = Plan(whole_steps=1, single_steps=3, step_blocks=4, warm_steps=2, slow_from=10)


@pytest.fixture
def network() -> Elastic:
    network = Elastic(CONFIG)
    rng = np.random.default_rng(0)
    frames = np.stack([smooth(rng, 2) for _ in range(50)])
    mini_start.begin(network, network.patches(torch.from_numpy(frames)).flatten(0, 1))
    return network


def test_a_resumed_run_makes_the_same_weights(network: Elastic, tmp_path: Path) -> None:
    """Across the change from single blocks to rows of them, and with both optimizers' memories."""
    straight = Trainer(network, PLAN)
    losses = []
    for step in range(6):
        if step == 2:
            straight.save(tmp_path / "checkpoint.pt")
        losses.append(straight.step(rows).errors)
    resumed = Trainer.load(tmp_path / "checkpoint.pt")
    assert (resumed.steps, resumed.blocks) == (2, 8)
    again = [resumed.step(rows).errors for _ in range(4)]
    for a, b in zip(losses[2:], again, strict=True):
        assert torch.equal(a, b)
    for (name, a), b in zip(straight.network.named_parameters(), resumed.network.parameters(), strict=True):
        assert torch.equal(a, b), name
        assert torch.equal(straight.average[name], resumed.average[name]), name
    assert resumed.blocks == straight.blocks


def test_a_run_continues_from_exported_weights(
    network: Elastic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = Trainer(network, PLAN)
    for _ in range(4):
        first.step(rows)
    export_mini.export(first, tmp_path / "w.safetensors")
    monkeypatch.setattr(train_mini, "CONFIG", CONFIG)
    second = train_mini.begun(tmp_path / "w.safetensors", PLAN)
    assert (second.steps, second.blocks) == (first.steps, first.blocks)
    for name, value in second.network.named_parameters():
        assert torch.allclose(value, first.average[name], rtol=1e-3, atol=1e-6), name
    assert second.step(rows).step == 5


def test_rows_grow_to_whole_gops(network: Elastic) -> None:
    trainer = Trainer(network, PLAN)
    shapes = [trainer.step(rows).kept.shape for _ in range(4)]
    assert shapes == [(4, 1)] * 3 + [(2, 2)]


def test_the_clock_can_set_the_schedule(network: Elastic, tmp_path: Path) -> None:
    """Also of a run that went on from a checkpoint."""
    plan = Plan(whole_steps=10, single_steps=50, step_blocks=4, warm_steps=2, end_step=100, clock_minutes=2)
    trainer = Trainer(network, plan)
    assert trainer.step(rows).kept.shape == (4, 1)
    trainer.seconds = 90.0
    assert trainer.place == 75 and plan.rate(trainer.place) > plan.rate(99)
    trainer.save(tmp_path / "checkpoint.pt")
    again = Trainer.load(tmp_path / "checkpoint.pt")
    assert again.place == 75
    assert again.step(rows).kept.shape == (2, 2)


def test_training_lowers_the_error(network: Elastic) -> None:
    held = rows(np.random.default_rng(100), 8, 4)
    trainer = Trainer(network, Plan(whole_steps=0, single_steps=20, warm_steps=5))
    before = validate(trainer.averaged(), held, (0.5, 1.0))
    for _ in range(60):
        trainer.step(rows)
    after = validate(trainer.averaged(), held, (0.5, 1.0))
    assert after.shape == (2, 8, 2)
    assert after[0].mean() < 0.7 * before[0].mean()


def test_some_blocks_keep_all_their_tokens(network: Elastic) -> None:
    """CONFIG keeps all tokens in one draw of six, and half of the rest by full_share."""
    trainer = Trainer(network, Plan(whole_steps=0, full_share=0.5, step_blocks=50))
    kept = np.concatenate([trainer.step(rows).kept.ravel() for _ in range(4)])
    assert 0.45 < (kept == CONFIG.max_toks).mean() < 0.72


def test_the_first_steps_have_no_masks(network: Elastic) -> None:
    trainer = Trainer(network, Plan(whole_steps=2, full_share=0.0, step_blocks=50))
    whole = [(trainer.step(rows).kept == CONFIG.max_toks).all() for _ in range(4)]
    assert whole == [True, True, False, False]


def test_rates_warm_up_and_then_fall_slowly() -> None:
    plan = Plan(warm_steps=10, slow_from=100)
    rates = [plan.rate(step) for step in (0, 9, 300)]
    assert rates[0] == pytest.approx(0.1) and rates[1] > 0.9 and rates[2] == pytest.approx(0.5)


def test_rates_fall_to_zero_at_a_known_end() -> None:
    open_end, plan = Plan(slow_from=100), Plan(slow_from=100, end_step=1000)
    assert plan.rate(799) == open_end.rate(799)
    assert plan.rate(900) == pytest.approx(0.5 * open_end.rate(900))
    assert plan.rate(1000) == plan.rate(1500) == 0


def test_fast_attention_equals_the_usual_one_and_its_gradient() -> None:
    random = torch.Generator().manual_seed(0)
    usual, fast = (
        [torch.randn(2, 3, tokens, 8, generator=random).requires_grad_() for tokens in (16, 32, 32)] for _ in range(2)
    )
    with torch.no_grad():
        for a, b in zip(usual, fast, strict=True):
            b.copy_(a)
    weight = torch.randn(2, 3, 16, 8, generator=random)
    made = [torch.nn.functional.scaled_dot_product_attention(*usual)]
    made.append(mini_fast.attention(mini_fast.gradients)(*fast))
    for out in made:
        (out * weight).sum().backward()
    assert torch.allclose(*made, atol=1e-6)
    for a, b in zip(usual, fast, strict=True):
        assert torch.allclose(a.grad, b.grad, atol=1e-6)


def test_fast_training_is_training(network: Elastic) -> None:
    """One step from the same weights has nearly the same errors in bfloat16."""
    plain, fast = Trainer(network, PLAN), Trainer(copy.deepcopy(network), PLAN)
    fast.half = True
    mini_fast.speed_up(fast.network, compiled=False)
    for _ in range(2):
        done = [trainer.step(rows) for trainer in (plain, fast)]
    assert np.array_equal(done[0].kept, done[1].kept)
    assert float(done[1].errors.mean()) == pytest.approx(float(done[0].errors.mean()), rel=0.03)
    assert fast.averaged().state_dict().keys() == plain.averaged().state_dict().keys()


def test_packed_windows_are_the_clips_own_pixels(tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "images").mkdir()
    shutil.copy(DEMO, tmp_path / "train" / "a.mp4")
    (tmp_path / "SOURCES.train.tsv").write_text("file\trepo\na.mp4\tone\nb.mp4\ttwo\n")
    shutil.copy(DEMO, tmp_path / "train" / "b.mp4")
    stored = packed.pack_folder(tmp_path, tmp_path / "frames", 32)
    assert {(item.name, item.validation) for item in stored} == {("a.mp4", True), ("b.mp4", False)}
    assert sorted({min(item.height, item.width) for item in stored})[0] == 32
    assert not list((tmp_path / "frames").glob("*.part"))
    windows = packed.Windows(tmp_path / "frames", 32)
    assert all(item.name == "b.mp4" for item in windows.items)
    whole = np.stack(list(packed.frames_of(DEMO, None)))
    item = next(i for i, item in enumerate(windows.items) if item.height == whole.shape[1])
    plain, mirrored = windows.windows(
        np.array([item, item]), np.array([[7, 3], [7, 7]]), np.array([5, 0]), np.array([9, 2]), np.array([False, True])
    )
    assert np.array_equal(plain, whole[[7, 3], 5:37, 9:41])
    assert np.array_equal(mirrored, whole[[7, 7], :32, 2:34][:, :, ::-1])
    small = next(i for i, item in enumerate(windows.items) if item.height < whole.shape[1])
    cut = windows.windows(*(np.array(x) for x in ([small], [[2]], [0], [1], [False])))
    assert np.array_equal(cut[0, 0], list(packed.frames_of(DEMO, 32))[2][:32, 1:33])
    assert json.loads((tmp_path / "frames" / "index.json").read_text())[0]["name"] == "a.mp4"


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A folder of packed frames with one clip that tells where a window is: red is the column, green the row, blue the
    time.
    """
    v = np.zeros((40, 60, 90, 3), np.uint8)
    for channel, place in enumerate((np.arange(90), np.arange(60)[:, None], np.arange(40)[:, None, None])):
        v[..., channel] = 100 + place
    (tmp_path / packed.FRAMES).write_bytes(v.tobytes())
    item = {"name": "a", "offset": 0, "frames": 40, "height": 60, "width": 90, "validation": False}
    (tmp_path / packed.INDEX).write_text(json.dumps([item, item | {"validation": True}]))
    return tmp_path


def test_windows_come_from_all_places_times_and_variations(clip: Path) -> None:
    windows = packed.Windows(clip, 32)
    v = windows.sample(np.random.default_rng(0), 400, 8).numpy().astype(int)
    assert v.shape == (400, 8, 32, 32, 3)
    own_light = (np.abs(np.diff(v[:, 0, 0, :, 0], axis=1)) == 1).all(1) & (v[:, :, 0, 0, 2] < 140).all(1)
    assert 0.4 * 400 < own_light.sum() < 0.75 * 400  # the others' levels are stretched or shifted
    times, columns = v[:, :, 0, 0, 2], v[:, 0, 0, :, 0]
    speeds = np.diff(times, axis=1)
    even = own_light & (speeds == speeds[:, :1]).all(1)
    assert even.sum() > 0.9 * own_light.sum() and set(speeds[even, 0]) == {-3, -2, -1, 0, 1, 2, 3}
    v, speeds, columns = v[even], speeds[even], columns[even]
    assert 0.02 < (speeds[:, 0] == 0).mean() < 0.15 and 0.2 < (speeds[:, 0] < 0).mean() < 0.4
    assert 0.35 < (np.diff(columns, axis=1)[:, 0] == -1).mean() < 0.65
    assert columns.max() - columns.min() > 80 and np.ptp(v[:, 0, :, 0, 1]) > 50


def test_a_clip_that_is_too_short_repeats_its_last_frame(clip: Path) -> None:
    windows = packed.Windows(clip, 32)
    windows.frames = np.array([5])
    times = windows.sample(np.random.default_rng(1), 60, 8).numpy()[..., 0, 0, 2].astype(int)
    same = [sorted(set(np.abs(np.diff(row)))) for row in times]
    assert [0, 1] in same and all(0 in steps for steps in same)


def test_the_same_generator_cuts_the_same_windows(clip: Path) -> None:
    first, second = (packed.Windows(clip, 32).sample(np.random.default_rng(3), 5, 4) for _ in range(2))
    assert torch.equal(first, second)


def test_a_run_is_logged_stopped_and_continued(clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command itself, with its initial weights."""
    monkeypatch.setattr(train_mini, "CONFIG", CONFIG)
    monkeypatch.setattr(train_mini, "START_STEPS", 5)
    work = tmp_path / "run"
    work.mkdir()
    (work / "frames").symlink_to(clip)
    common = ["train_mini.py", "--work", str(work), "--log-every", "1", "--step-blocks", "4", "--single-steps", "2"]
    for steps in (3, 5):
        monkeypatch.setattr("sys.argv", [*common, "--steps", str(steps)])
        train_mini.main()
    log = [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]
    kinds = [(record["type"], record["step"]) for record in log]
    first = [("start", 0), ("train", 1), ("train", 2), ("train", 3), ("validation", 3), ("stop", 3)]
    assert kinds == [*first, ("start", 3), ("train", 4), ("train", 5), ("validation", 5), ("stop", 5)]
    assert [record["row_blocks"] for record in log if record["type"] == "train"] == [1, 1, 2, 2, 2]
    assert Trainer.load(work / "checkpoint.pt").steps == 5
    hours = [record["hours"] for record in log]
    assert hours == sorted(hours) and log[0]["hardware"] == hardware_name(torch.device("cpu"))


def test_a_run_that_changes_its_hardware_records_both(tmp_path: Path) -> None:
    first = Trainer(Elastic(CONFIG), Plan())
    first.hardware = "NVIDIA H100"
    first.save(tmp_path / "checkpoint.pt")
    second = Trainer.load(tmp_path / "checkpoint.pt")
    assert second.hardware == f"NVIDIA H100, then {hardware_name(torch.device('cpu'))}"
    second.save(tmp_path / "checkpoint.pt")
    assert Trainer.load(tmp_path / "checkpoint.pt").hardware == second.hardware
