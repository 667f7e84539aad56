"""`elastictok demo`: what a new user types first."""

from __future__ import annotations

from pathlib import Path

import pytest

from elastictok_cli.cli import demo

from .conftest import Run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def short_clip(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A clip of 20 frames in place of the packaged one."""
    monkeypatch.setattr(demo, "packaged_clip", lambda: clip)


@pytest.mark.usefixtures("short_clip")
def test_it_makes_the_whole_tour_and_names_the_page(run: Run, model: str, tmp_path: Path) -> None:
    here = Path.cwd()
    said = run("demo", "-o", tmp_path / "tour", "--model", model)
    assert said.code == 0, said.err
    made = {path.name for path in (tmp_path / "tour").iterdir()}
    assert {"loose.etok", "strict.etok", "compare.png", "decoded.mp4", "page.html"} <= made
    assert said.out.splitlines()[-1] == str(tmp_path / "tour" / "page.html")
    assert [line.split()[2] for line in said.err.splitlines() if line.startswith("$ elastictok")] == [
        step[0] for step in demo.STEPS
    ]
    page = (tmp_path / "tour" / "page.html").read_text()
    assert all(f'data-view="{view}"' in page for view in ("source", "decoded", "both"))
    assert Path.cwd() == here


@pytest.mark.usefixtures("short_clip")
def test_quietly_it_names_only_the_page(run: Run, model: str, tmp_path: Path) -> None:
    said = run("demo", "-q", "-o", tmp_path, "--model", model)
    assert (said.code, said.out, said.err) == (0, f"{tmp_path / 'page.html'}\n", "")


def test_the_clip_is_there() -> None:
    assert demo.packaged_clip() == ROOT / "examples" / "demo.mp4"
