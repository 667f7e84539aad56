"""Every dtype, range and layout is taken as it is meant, or refused in one line."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from elastictok_cli.errors import UsageError
from elastictok_cli.tokenizer.video import read_video

from .conftest import clip

VIDEO = clip(3, 10, 12)


def test_what_is_right_gives_the_same_frames() -> None:
    float01 = VIDEO.astype(np.float32) / 255
    signed = VIDEO.astype(np.float64) / 127.5 - 1
    same: list[tuple[Any, dict[str, Any]]] = [
        (VIDEO, {}),
        (VIDEO, {"layout": "THWC"}),
        (np.asfortranarray(VIDEO), {}),
        (torch.from_numpy(VIDEO), {}),
        (torch.from_numpy(VIDEO).permute(0, 3, 1, 2), {"layout": "tchw"}),
        (float01, {"value_range": (0, 1)}),
        (signed, {"value_range": (-1, 1)}),
        (torch.from_numpy(float01), {"value_range": [0, 1]}),
        (torch.from_numpy(float01).requires_grad_(), {"value_range": (0, 1)}),
        (VIDEO.transpose(3, 0, 1, 2), {"layout": "CTHW"}),
    ]
    for video, given in same:
        clips = read_video(video, **given)
        assert not clips.batched
        assert clips.frames.dtype == np.uint8 and clips.frames.flags.c_contiguous
        np.testing.assert_array_equal(clips.frames, VIDEO[None])
    batch = np.stack([VIDEO, VIDEO[::-1]])
    for video, given in ((batch, {}), (torch.from_numpy(batch).permute(0, 1, 4, 2, 3), {"layout": "BTCHW"})):
        clips = read_video(video, **given)
        assert clips.batched
        np.testing.assert_array_equal(clips.frames, batch)


def test_half_precision_is_rounded_to_the_nearest_level() -> None:
    for dtype in (torch.float16, torch.bfloat16):
        tensor = (torch.from_numpy(VIDEO).float() / 255).to(dtype)
        expected = np.rint(tensor.float().numpy() * 255)
        np.testing.assert_array_equal(read_video(tensor, value_range=(0, 1)).frames[0], expected)


WRONG: list[tuple[Any, dict[str, Any], str]] = [
    (VIDEO.astype(np.float32), {}, "say `value_range=\\(0, 1\\)` or `value_range=\\(-1, 1\\)`"),
    (VIDEO.astype(np.float32), {"value_range": (0, 255)}, "`value_range` \\(0, 255\\)"),
    (VIDEO.astype(np.float32), {"value_range": (0, 1)}, "from 0 to 255, outside|outside \\(0, 1\\)"),
    (VIDEO / 127.5 - 1, {"value_range": (0, 1)}, "outside \\(0, 1\\)"),
    (np.full((1, 8, 8, 3), np.nan), {"value_range": (0, 1)}, "nan"),
    (VIDEO, {"value_range": (0, 1)}, "is for float frames"),
    (VIDEO.astype(np.int64), {}, "frames of int64: uint8 is needed"),
    (VIDEO > 3, {}, "frames of bool"),
    (VIDEO.astype(np.complex64), {}, "frames of complex64"),
    (VIDEO[0], {}, "a single picture is `picture\\[None\\]`"),
    (VIDEO.transpose(0, 3, 1, 2), {}, "is it `layout='TCHW'`\\?"),
    (VIDEO[None].transpose(0, 1, 4, 2, 3), {}, "is it `layout='BTCHW'`\\?"),
    (VIDEO, {"layout": "BTCHW"}, "has the axes THWC, in some order"),
    (VIDEO, {"layout": "TCHW"}, "the axis C has 10 values"),
    (np.zeros((2, 8, 8, 4), np.uint8), {}, "four channels; leave the fourth"),
    (np.zeros((2, 8, 8, 1), np.uint8), {}, "one channel; repeat it"),
    (np.zeros((0, 8, 8, 3), np.uint8), {}, "there is no frame in it"),
    (np.zeros((1, 1, 1 << 17, 3), np.uint8), {}, "a side has at most 65,536"),
    ([[0]], {}, "video is a list"),
    ("clip.mp4", {}, "video is a str"),
]


@pytest.mark.parametrize(("video", "given", "message"), WRONG, ids=[message[:30] for _, _, message in WRONG])
def test_what_is_wrong_is_refused_in_one_line(video: Any, given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        read_video(video, **given)
    assert "\n" not in str(caught.value)
