"""Colours that people with any colour vision can tell apart and read."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from elastictok_cli.report.theme import HEAT, THEMES, Theme

# Machado, Oliveira and Fernandes 2009, severity 1: what linear RGB looks like to a dichromat.
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
APART = 18.0  # CIE 1976 colour difference; 2.3 is just noticeable


def linear(colour: str) -> np.ndarray:
    value = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


def lab(colour: str, vision: str) -> np.ndarray:
    seen = np.clip(np.array(VISION[vision]) @ linear(colour), 0, 1)
    x, y, z = np.cbrt(np.maximum(TO_XYZ @ seen / [0.9505, 1.0, 1.089], 0.008856))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def contrast(first: str, second: str) -> float:
    one, two = (float(TO_XYZ[1] @ linear(c)) for c in (first, second))
    return (max(one, two) + 0.05) / (min(one, two) + 0.05)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_marks_and_series_can_be_told_apart(theme: Theme, vision: str) -> None:
    for group in ((theme.bar, theme.first, theme.cut, theme.missed), theme.series[:3]):
        for one, two in combinations(group, 2):
            apart = float(np.linalg.norm(lab(one, vision) - lab(two, vision)))
            assert apart > APART, f"{one} and {two}: {apart:.1f}"


@pytest.mark.parametrize("vision", VISION)
def test_the_heat_scale_gets_lighter_for_everyone(vision: str) -> None:
    light = [lab(colour, vision)[0] for colour in HEAT]
    assert all(after - before > 10 for before, after in zip(light, light[1:], strict=False))


@pytest.mark.parametrize("theme", THEMES.values(), ids=lambda theme: theme.name)
def test_text_can_be_read_on_its_paper(theme: Theme) -> None:
    assert min(contrast(ink, paper) for ink in (theme.ink, theme.faint) for paper in (theme.paper, theme.card)) > 4.5
