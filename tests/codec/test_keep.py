"""decode --keep: a file shown as if each block had fewer tokens."""

from __future__ import annotations

from pathlib import Path

import pytest

import elastictok_cli.api as et
from codec.dct import DctModel
from elastictok_cli.errors import UsageError
from elastictok_cli.video import open_source

MODEL = DctModel()


@pytest.fixture(scope="module")
def etok(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keep") / "clip.etok"
    et.encode(clip, path, model=MODEL, target=0.002, size="source")
    return path


def error(etok: Path, clip: Path, keep: str | None, folder: Path) -> float:
    """Mean squared error of the decoded frames against the source."""
    out = folder / "out.mkv"
    et.decode(etok, out, model=MODEL, codec="ffv1", keep=keep, overwrite=True)
    with open_source(out, size="source") as shown, open_source(clip, size="source") as source:
        pairs = zip(shown.frames(), source.frames(), strict=True)
        errors = [((a.rgb.astype(float) - b.rgb) ** 2).mean() for a, b in pairs]
    return sum(errors) / len(errors)


def test_fewer_tokens_show_a_larger_error(etok: Path, clip: Path, tmp_path: Path) -> None:
    whole, most, half, none = (error(etok, clip, keep, tmp_path) for keep in (None, "90%", "50%", "0"))
    assert whole < most < half < none
    assert error(etok, clip, "100%", tmp_path) == whole == error(etok, clip, "100000", tmp_path)


@pytest.mark.parametrize("text", ["half", "0%", "101%", "1.5", "-3"])
def test_what_is_no_number_or_share_is_refused(etok: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="`keep`"):
        et.decode(etok, tmp_path / "out.mkv", model=MODEL, keep=text)
