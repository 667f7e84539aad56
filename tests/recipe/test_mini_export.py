"""From a checkpoint to a model of the command line, and measurements of it."""

from __future__ import annotations

import json
from pathlib import Path

import curve_mini
import evaluate_mini
import export_mini
import mini_start
import numpy as np
import pytest
import torch
from mini_trainer import Plan, Trainer

import elastictok_cli.api as et
from elastictok_cli.models import registry, weights_files
from elastictok_cli.models.elastic.adapter import ElasticModel
from elastictok_cli.models.elastic.network import Elastic

from .mini import CONFIG, rows, smooth

DEMO = Path(__file__).parents[2] / "examples" / "demo.mp4"


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    network = Elastic(CONFIG)
    rng = np.random.default_rng(0)
    frames = np.stack([smooth(rng, 2) for _ in range(50)])
    mini_start.begin(network, network.patches(torch.from_numpy(frames)).flatten(0, 1))
    trainer = Trainer(network, Plan(single_steps=1, step_blocks=4))
    for _ in range(2):
        trainer.step(rows)
    path = tmp_path_factory.mktemp("weights") / "mini.safetensors"
    export_mini.export(trainer, path)
    return path


def test_an_exported_file_is_a_model_by_itself(weights: Path) -> None:
    said = weights_files.metadata(weights)
    assert (said["model"], said["syntax"]) == ("tiny-mini", "fsq/1")
    assert said["trained"].startswith("2 steps, 8 blocks")
    assert registry.load(weights, device="cpu").spec.max_tokens(1, 16, 16) == CONFIG.max_toks
    assert not list(weights.parent.glob("*.part"))


def test_a_model_trained_on_single_blocks_has_gops_of_one_block(tmp_path: Path) -> None:
    """Until it is trained on rows of blocks."""
    network = Elastic(CONFIG)
    with torch.no_grad():
        for value in network.parameters():
            value.fill_(0.01)
    trainer = Trainer(network, Plan(single_steps=5))
    for steps, gop_blocks in ((5, 1), (6, 2)):
        trainer.steps = steps
        export_mini.export(trainer, tmp_path / "m.safetensors")
        assert registry.load(tmp_path / "m.safetensors", device="cpu").spec.gop_blocks == gop_blocks


def test_a_weight_beyond_float16_is_refused(tmp_path: Path) -> None:
    network = Elastic(CONFIG)
    with torch.no_grad():
        for value in network.parameters():
            value.zero_()
        network.decoder.out_proj.weight[0, 0] = 70_000
    with pytest.raises(ValueError, match=r"decoder.out_proj.weight.*float16"):
        export_mini.export(Trainer(network, Plan()), tmp_path / "m.safetensors")
    assert not list(tmp_path.iterdir())


def test_a_clip_is_measured_as_its_file_says(weights: Path, tmp_path: Path) -> None:
    model = et.load_model(weights, device="cpu")
    assert isinstance(model, ElasticModel)
    clip = tmp_path / "clip.mp4"
    import av

    with av.open(str(clip), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 24, 16, "yuv420p"
        rng = np.random.default_rng(1)
        for picture in np.concatenate([smooth(rng, 7), smooth(rng, 7)], 2)[:, :, :24]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture)))
        container.mux(stream.encode(None))
    row = evaluate_mini.measure(clip, model, 0.05, gops=1, out=tmp_path)
    assert (row["frames"], row["size"], len(row["blocks"])) == (4, [24, 16], 4)  # two blocks of two tiles
    with et.open_etok(tmp_path / "clip-0.05.etok", model) as file:
        counts = [tile.count for block in file.blocks() for tile in block.tiles]
    assert [block["tokens"] for block in row["blocks"]] == counts
    assert all(block["met"] == (block["mse"] <= 0.05 * 1.001) for block in row["blocks"])
    text = evaluate_mini.summary([row, row | {"clip": "again"}], 0.05)
    assert text.count("\n| ") >= 4 and "| clip | 24x16 | 4 |" in text and "| all, at 0.05 |  | 8 |" in text


def test_motion_is_the_change_between_frames() -> None:
    still = np.full((4, 8, 8, 3), 90, np.uint8)
    moving = still.copy()
    moving[1::2] += 51
    assert evaluate_mini.motion(still) == evaluate_mini.motion(still[:1]) == 0
    assert evaluate_mini.motion(moving) == pytest.approx(0.4)


def test_the_forecast_follows_a_power_law() -> None:
    points = [(h, 0.02 * h**-0.3) for h in (0.5, 1, 2, 3, 4)]
    assert curve_mini.foretell(points) == pytest.approx(0.02 * 8**-0.3)
    assert curve_mini.foretell(points[:2]) is None
    assert curve_mini.foretell([]) is None


def test_the_curve_is_drawn_from_the_log(tmp_path: Path) -> None:
    lines = [{"type": "start", "step": 0, "hardware": "one CPU core"}]
    for step in range(1, 9):
        lines.append({"type": "train", "step": step, "hours": step / 4, "loss": 0.1 / step})
        shares = {"0.5": 0.2 / step, "1": 0.1 / step}
        lines.append({"type": "validation", "step": step, "hours": step / 4, "mse_by_share": shares})
    # stopped after step 8, gone on from a checkpoint at step 6
    lines.append({"type": "train", "step": 7, "hours": 1.75, "loss": 0.5})
    log = tmp_path / "log.jsonl"
    log.write_text("\n".join(map(json.dumps, lines)))
    assert [r["loss"] for r in curve_mini.records(log, "train")][-2:] == [0.1 / 6, 0.5]
    said = curve_mini.draw(log, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes()[:4] == b"\x89PNG"
    assert said["in_twice_the_time"]["1"] == pytest.approx(0.1 / 16, rel=0.01)


def test_a_step_at_a_border_of_tiles_is_seen() -> None:
    slope = np.repeat(np.arange(64, dtype=np.uint8)[None, None, :, None], 64, 1).repeat(3, 3)
    across, near = evaluate_mini.seam(slope, 32)
    assert across == near == 0.5  # no steps downwards, of one level to the right
    slope[:, :, 32:] += 9
    assert evaluate_mini.seam(slope, 32) == (5.0, 0.5)
