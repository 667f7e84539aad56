"""What goes into a page: a file that browsers play as it is, or a copy that they do."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from elastictok_cli.errors import InputError
from elastictok_cli.video.playable import playable

from .clips import write_video


def test_what_browsers_play_is_taken_as_it_is(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 3)
    assert playable(path, tmp_path / "nowhere") == path


@pytest.mark.parametrize("change", [{"codec": "ffv1"}, {"pixel_format": "yuv444p"}])
def test_anything_else_is_copied_with_its_times_and_its_sound(tmp_path: Path, change: dict[str, str]) -> None:
    pts = [0, 17, 18, 400, 1234]
    path = write_video(tmp_path / "in.mkv", 5, pts=pts, sound="aac", options={}, **change)  # type: ignore[arg-type]
    copy = playable(path, tmp_path)
    assert copy == tmp_path / "player.mp4"
    with av.open(str(copy)) as file, av.open(str(path)) as source:
        assert file.streams.video[0].codec_context.pix_fmt == "yuv420p" and len(file.streams.audio) == 1
        times = [[round(float(f.pts * f.time_base), 3) for f in c.decode(video=0)] for c in (file, source)]
    assert times[0] == times[1]


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_text("no video")
    with pytest.raises(InputError):
        playable(path, tmp_path)
    assert not (tmp_path / "player.mp4").exists()
