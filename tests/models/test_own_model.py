"""A model from another package: installed into a folder, found by its entry point, and every command works with it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The worked example, installed by pip into a folder of its own."""
    folder = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", "--no-deps"]
    wanted = ["--no-build-isolation", "--no-index", "--target", str(folder), str(ROOT / "examples" / "toy_model")]
    subprocess.run([*pip, *wanted], check=True, capture_output=True, text=True)
    return folder


@pytest.fixture(scope="module")
def work(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with in.etok, encoded from the first second of the example clip by the installed model."""
    folder = tmp_path_factory.mktemp("work")
    demo = ROOT / "examples" / "demo.mp4"
    elastictok(
        installed, folder, "encode", str(demo), "-o", "in.etok", "--model", "toy", "-t", "0.05", "--duration", "1"
    )
    return folder


def elastictok(installed: Path, folder: Path, *arguments: str) -> str:
    """Run a command where only the entry point leads to the model; what it prints on standard output."""
    import os

    paths = os.pathsep.join([str(installed), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(
        [sys.executable, "-m", "elastictok_cli", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_command_works_with_a_model_of_another_package(installed: Path, work: Path) -> None:
    demo = str(ROOT / "examples" / "demo.mp4")

    def run(*arguments: str) -> str:
        return elastictok(installed, work, *arguments)

    assert "toy" in run("weights", "list")
    total = json.loads(run("stats", "in.etok", "--json").splitlines()[-1])
    assert total["type"] == "total" and total["met"] is True and 0 < total["tokens"] < 25 * 57 * 32
    run("decode", "in.etok", "-o", "out.y4m")
    run("decode", "in.etok", "-o", "two.y4m", "--jobs", "2")
    assert (work / "out.y4m").read_bytes() == (work / "two.y4m").read_bytes()
    assert json.loads(run("info", "in.etok", "--json"))["model"] == "toy"
    checked = json.loads(run("verify", "in.etok", "--source", demo, "--json").splitlines()[-1])
    assert checked["blocks_false"] == 0 and checked["findings"] == []
    run("tokens", "in.etok", "-o", "in.npz")
    values = np.load(work / "in.npz")["values"]
    assert values.dtype == np.uint16 and len(values) == total["tokens"]
    run("decode", "in.npz", "-o", "npz.mkv")
    assert (work / "npz.mkv").stat().st_size > 1000
    run("compare", demo, "in.etok", "-o", "sheet.png")
    run("pack", "in.etok", "-o", "shards/%05d.tar")
    assert json.loads((work / "shards" / "index.json").read_text())["model"] == "toy"


def test_without_its_package_the_file_says_what_is_missing(work: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "elastictok_cli", "decode", "in.etok", "-o", "no.mkv"],
        cwd=work,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 5
    assert "needs the weights of toy generation 1" in done.stderr and done.stderr.count("\n") == 1
