"""Network, quantisers, searches and converter against arrays made by the original's own code."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

HERE = Path(__file__).parent
SMALL = HERE.parent / "golden" / "parity"
FULL = HERE.parents[2] / "shared" / "parity"  # lies beside the checkout where the project is developed


def check(folder: Path) -> tuple[int, list[str]]:
    """Run check.py: exit code and output lines."""
    run = subprocess.run([sys.executable, HERE / "check.py", folder], capture_output=True, text=True, check=False)
    assert not run.stderr
    return run.returncode, run.stdout.splitlines()


@pytest.mark.slow
@pytest.mark.parametrize("folder", [SMALL, *([FULL] if FULL.is_dir() else [])], ids=lambda folder: folder.parent.name)
def test_every_array_equals_the_original_s(folder: Path) -> None:
    code, lines = check(folder)
    assert [line for line in lines if line.endswith("MISS")] == []
    assert code == 0
    found = {line.split()[0].removesuffix(":") for line in lines}
    assert {"fsq_single", "formats", "fsq", "preprocess", "rope"} <= found
    arrays = int(lines[-1].split()[1])
    assert arrays >= 100 and lines[-1] == f"total: {arrays} arrays, {arrays} ok, 0 missed, 0 skipped"


def copied(folder: Path, **changes: np.ndarray) -> Path:
    """A copy of a case of the small set with some golden arrays changed."""
    source = SMALL / folder.name
    folder.mkdir()
    for path in source.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    with np.load(source / "golden.npz") as file:
        arrays = dict(file)
    np.savez(folder / "golden.npz", **(arrays | changes))
    return folder


def test_an_error_over_the_tolerance_is_a_miss(tmp_path: Path) -> None:
    with np.load(SMALL / "vae_single_bf16" / "golden.npz") as file:
        z, mse = file["bf16.z"].copy(), file["bf16.mse"] + np.float32(5e-5)
    z[0, 0, 0] += 3e-4
    copied(tmp_path / "vae_single_bf16", **{"bf16.z": z, "bf16.mse": mse, "bf16.unheard": mse})
    (tmp_path / "unheard of").mkdir()
    code, lines = check(tmp_path)
    assert code == 1
    assert [line.split(": ")[0] for line in lines if line.endswith("MISS")] == ["vae_single_bf16 bf16.z"]
    assert any(line.startswith("vae_single_bf16 bf16.mse: max error 5.0") and line.endswith("ok") for line in lines)
    assert "unheard of: skipped, not known here" in lines
    assert "vae_single_bf16 bf16.unheard: skipped, not known here" in lines
    assert lines[-1].endswith("1 missed, 2 skipped")


def test_a_case_that_cannot_be_run_is_a_miss_and_hides_no_other(tmp_path: Path) -> None:
    broken = copied(tmp_path / "vae_single_bf16")
    settings = json.loads((broken / "config.json").read_text())
    (broken / "config.json").write_text(json.dumps(settings | {"num_encoder_layers": 3}))
    copied(tmp_path / "rope")
    code, lines = check(tmp_path)
    assert code == 1
    assert any(line.startswith("vae_single_bf16: stopped by InputError") for line in lines)
    assert any(line.startswith("rope fsq.cos") and line.endswith("ok") for line in lines)


def test_an_empty_folder_fails(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, HERE / "check.py", tmp_path], capture_output=True, check=False)
    assert run.returncode == 2


def test_a_case_can_be_checked_alone() -> None:
    code, lines = check(SMALL / "rope")
    assert code == 0 and lines[-1] == "total: 6 arrays, 6 ok, 0 missed, 0 skipped"
