"""Cuts of a source: where the picture is another one at once, and not where it only moves or flashes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from elastictok_cli.report.cuts import cut_times

Pixels = npt.NDArray[np.uint8]


def scene(seed: int, frames: int, speed: int = 1) -> list[Pixels]:
    """A smooth picture that moves to the side."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0:48, 0:200]
    wave = sum(np.sin(x / a + y / b + c) for a, b, c in rng.uniform((9, 5, 0), (30, 20, 6), (4, 3)))
    picture = np.repeat((128 + 30 * wave)[..., None], 3, axis=2) + rng.uniform(-40, 40, 3)
    return [np.clip(np.roll(picture, speed * t, axis=1)[:, :64], 0, 255).astype(np.uint8) for t in range(frames)]


def times(frames: list[Pixels]) -> list[float]:
    return cut_times((n / 10, frame) for n, frame in enumerate(frames))


def test_a_cut_is_where_the_new_picture_begins() -> None:
    assert times([*scene(1, 12), *scene(2, 15), *scene(3, 9)]) == [1.2, 2.7]


def test_motion_is_no_cut() -> None:
    assert times(scene(1, 30, speed=5)) == []


def test_one_picture_has_none_and_small_ones_can_be_looked_at() -> None:
    assert times([]) == [] and times(scene(1, 1)) == []
    dark, light = np.zeros((5, 3, 3), np.uint8), np.full((5, 3, 3), 250, np.uint8)
    assert times([dark] * 3 + [light] * 3) == [0.3]


def test_a_fade_is_no_cut() -> None:
    a, b = scene(1, 1)[0].astype(float), scene(2, 1)[0].astype(float)
    assert times([(a + (b - a) * t / 20).astype(np.uint8) for t in range(21)]) == []
