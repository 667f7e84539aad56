"""Fine-tuning: one command from a folder of clips to a weights file that encodes, and goes on from where it was."""

from __future__ import annotations

import shutil
from pathlib import Path

import export_mini
import finetune_mini
import mini_start
import numpy as np
import pytest
import torch
from mini_loss import block_errors
from mini_trainer import Plan, Trainer

import elastictok_cli as et
from elastictok_cli.models.elastic.network import Elastic

from .mini import CONFIG, rows, smooth

DEMO = Path(__file__).parents[2] / "examples" / "demo.mp4"


@pytest.fixture
def network() -> Elastic:
    network = Elastic(CONFIG)
    frames = np.stack([smooth(np.random.default_rng(number), 2) for number in range(50)])
    mini_start.begin(network, network.patches(torch.from_numpy(frames)).flatten(0, 1))
    return network


def test_the_encoder_gets_a_gradient_through_the_quantiser(network: Elastic) -> None:
    with torch.no_grad():  # layers that do something
        for name, weight in network.named_parameters():
            if name.endswith(("wo.weight", "w2.weight")):
                weight.normal_(0, 0.1)
    errors = block_errors(network, rows(np.random.default_rng(0), 2, 4), np.full((2, 2), CONFIG.max_toks))
    errors.mean().backward()
    for name, weight in network.encoder.named_parameters():
        if name != "is_masked":  # no token is masked here
            assert weight.grad is not None and float(weight.grad.abs().max()) > 0, name


def test_a_folder_of_clips_becomes_a_weights_file(
    network: Elastic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first = Trainer(network, Plan(whole_steps=0, single_steps=0))
    first.steps = 700  # those of the weights do not count
    export_mini.export(first, tmp_path / "begin.safetensors")
    (tmp_path / "clips/sub").mkdir(parents=True)
    for name in ("clips/a.mp4", "clips/sub/b.mp4"):
        shutil.copy(DEMO, tmp_path / name)
    monkeypatch.setattr(finetune_mini, "LINES", 32)
    out = tmp_path / "my-mini.safetensors"
    common = ["", str(tmp_path / "clips"), "--out", str(out), "--start", str(tmp_path / "begin.safetensors")]
    said = []
    for steps in (3, 5):
        monkeypatch.setattr("sys.argv", [*common, "--device", "cpu", "--threads", "1", "--steps", str(steps)])
        finetune_mini.main()
        said.append(capsys.readouterr().out.splitlines())
    assert said[0][0] == "2 clips, 468 frames in two sizes; 1 validate"
    assert said[0][1].startswith("from step 0 on one core of ") and said[1][0].startswith("from step 3 on one core of ")
    assert said[0][2].startswith("step 3 of 3: mse ") and said[0][2].endswith(" 0.0 minutes left")
    assert said[1][-1].startswith(f"{out}: 5 steps, 40 blocks, ")
    model = et.load_model(out, "cpu")
    assert model.spec.name == "my-mini" and model.spec.gop_blocks == 2
    codes = et.Tokenizer(model).encode(smooth(np.random.default_rng(5), 4), tokens=8)
    assert codes.total == 16
    before = et.Tokenizer(et.load_model(tmp_path / "begin.safetensors", "cpu"))
    assert not np.array_equal(
        np.concatenate(before.encode(smooth(np.random.default_rng(5), 4), tokens=8).values), codes.values[0]
    )


def test_one_clip_trains_and_is_measured(network: Elastic, tmp_path: Path) -> None:
    shutil.copy(DEMO, tmp_path / "a.mp4")
    finetune_mini.pack(tmp_path, tmp_path / "frames", 32)
    for validation in (False, True):
        assert len(finetune_mini.windows(tmp_path / "frames", 32, validation).items) == 2


def test_a_folder_without_clips_is_said(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="no video of 16 lines or more"):
        finetune_mini.pack(tmp_path, tmp_path / "frames", 16)
