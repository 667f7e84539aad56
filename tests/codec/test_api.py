"""The Python interface, on files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from elastictok_cli import api
from elastictok_cli.codec.events import BlockDone, Event
from elastictok_cli.container import part_path
from elastictok_cli.errors import InputError, OutputError, ThresholdMissed, UsageError
from elastictok_cli.video import open_source

from .dct import DctModel

MODEL = DctModel()


@pytest.fixture(scope="module")
def etok(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("api") / "clip.etok"
    api.encode(clip, out, model=MODEL, target=api.Target.psnr(33), size="source")
    return out


def test_natural_ways_to_say_model_target_and_size(clip: Path, tmp_path: Path) -> None:
    tiny = Path(__file__).parents[1] / "conformance" / "tiny-fsq.safetensors"
    api.encode(clip, tmp_path / "a.etok", model=str(tiny), target=0.5, size=16, duration=0.2)
    with api.open_etok(tmp_path / "a.etok", api.load_model(tiny)) as file:
        assert (file.header.threshold, min(file.header.coded_size)) == (0.5, 16)
        for _, rgb in file.frames():
            assert rgb.flags.c_contiguous and rgb.base is None
    for wrong in ({"max_tokens": 1.5}, {"gop_blocks": 2.5}):
        with pytest.raises(UsageError, match="must be a whole number"):
            api.encode(clip, tmp_path / "b.etok", model=MODEL, **wrong)


def test_the_input_is_never_the_output(etok: Path, clip: Path, tmp_path: Path) -> None:
    for source, call, options in (
        (clip, api.encode, {"overwrite": True}),
        (etok, api.decode, {"overwrite": True}),
    ):
        mine, other = tmp_path / source.name, tmp_path / f"link{source.suffix}"
        mine.write_bytes(source.read_bytes())
        other.unlink(missing_ok=True)
        other.symlink_to(mine)
        for name in (mine, other):
            with pytest.raises(UsageError, match="is the input itself"):
                call(mine, name, model=MODEL, **options)
        assert mine.read_bytes() == source.read_bytes()


def pixels(path: Path) -> np.ndarray:
    with open_source(path, size="source") as source:
        return np.stack([frame.rgb for frame in source.frames()])


def test_blocks_tokens_and_frames_as_numpy(etok: Path) -> None:
    with api.open_etok(etok, MODEL) as file:
        blocks, tokens, frames = list(file.blocks()), list(file.tokens()), list(file.frames())
        part = list(file.frames(start=0.2, duration=0.08))
    assert [len(t.values) for t in tokens] == [b.count for b in blocks]
    assert [(t.index, t.gop, t.first_frame, t.frames) for t in tokens][:4] == [
        (0, 0, 0, 2), (1, 0, 2, 2), (2, 0, 4, 2), (3, 1, 6, 2),
    ]  # fmt: skip
    assert all(t.values.dtype == np.int8 and t.values.shape[1] == 6 for t in tokens)
    assert len(frames) == 17
    assert frames[0][1].shape == (22, 30, 3)
    assert [pts for pts, _ in part] == [pts for pts, _ in frames[5:7]]


def test_a_gop_longer_than_the_format_has_is_refused(clip: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`gop_blocks` 70000: a GOP has at most 32,768 blocks of 2 frames"):
        api.encode(clip, tmp_path / "a.etok", model=MODEL, gop_blocks=70000)


@pytest.mark.parametrize("target", [None, api.Target.size(5000)])
@pytest.mark.parametrize("given", [{"jobs": 0}, {"threads": 0}, {"max_tokens": 0}], ids=str)
def test_a_count_of_nothing_is_refused(
    clip: Path, tmp_path: Path, given: dict[str, int], target: api.Target | None
) -> None:
    with pytest.raises(UsageError, match="must be 1 or more"):
        api.encode(clip, tmp_path / "a.etok", model=MODEL, target=target, **given)
    assert list(tmp_path.iterdir()) == []


def test_no_jobs_decode_nothing(etok: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`jobs` 0: must be 1 or more"):
        api.decode(etok, tmp_path / "a.mkv", model=MODEL, jobs=0)
    assert list(tmp_path.iterdir()) == []


def test_pictures_written_are_the_frames_shown(etok: Path, tmp_path: Path) -> None:
    total = api.decode(etok, tmp_path / "%03d.png", model=MODEL)
    assert total.frames == 17
    written = [pixels(path)[0] for path in sorted(tmp_path.glob("*.png"))]
    with api.open_etok(etok, MODEL) as file:
        assert np.array_equal(written, [rgb for _, rgb in file.frames()])


def test_sound_and_times_survive(loud_clip: Path, tmp_path: Path) -> None:
    out, back = tmp_path / "loud.etok", tmp_path / "back.mkv"
    api.encode(loud_clip, out, model=MODEL, size="source")
    api.decode(out, back, model=MODEL)
    with av.open(str(loud_clip)) as a, av.open(str(back)) as b:
        sound = [[bytes(p) for p in file.demux(audio=0) if p.size] for file in (a, b)]
    assert sound[0] == sound[1]
    with open_source(loud_clip, size="source") as a, open_source(back, size="source") as b:
        times = [[frame.pts * s.info.time_base for frame in s.frames()] for s in (a, b)]
    assert times[0] == times[1]


def test_verify_with_its_source(etok: Path, clip: Path) -> None:
    total = api.verify(etok, clip, model=MODEL)
    assert (total.findings, total.blocks, total.blocks_false) == ((), 9, 0)


def test_a_picture_is_one_block_of_one_frame(clip: Path, tmp_path: Path) -> None:
    picture, out, back = tmp_path / "in.png", tmp_path / "in.etok", tmp_path / "out.png"
    api_frames = pixels(clip)[0]
    av.VideoFrame.from_ndarray(api_frames, "rgb24").to_image().save(picture)
    total = api.encode(picture, out, model=MODEL, size="source")
    assert (total.frames, total.blocks, total.blocks_met) == (1, 1, 1)
    with api.open_etok(out, MODEL) as file:
        assert file.header.is_still
        ((_, shown),) = file.frames()
    api.decode(out, back, model=MODEL)
    assert np.array_equal(pixels(back)[0], shown)


def test_what_exists_stays_unless_it_may_be_replaced(clip: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.etok"
    out.write_bytes(b"precious")
    with pytest.raises(OutputError, match="already exists"):
        api.encode(clip, out, model=MODEL, size="source")
    with pytest.raises(ThresholdMissed):
        strict = {"strict": True, "overwrite": True, "size": "source"}
        api.encode(clip, out, model=DctModel(num_qindex=0), target=api.Target.threshold(1e-5), **strict)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"precious"]
    api.encode(clip, out, model=MODEL, size="source", overwrite=True)
    assert out.read_bytes() != b"precious"


def test_an_interrupted_run_can_be_resumed(clip: Path, etok: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.etok"
    blocks: list[BlockDone] = []

    def interrupt(event: Event) -> None:
        if isinstance(event, BlockDone):
            blocks.append(event)
            if len(blocks) == 5:
                raise KeyboardInterrupt

    options = {"model": MODEL, "target": api.Target.psnr(33), "size": "source"}
    with pytest.raises(KeyboardInterrupt):
        api.encode(clip, out, resume=True, watch=interrupt, **options)
    assert part_path(out).exists()
    total = api.encode(clip, out, resume=True, **options)
    assert total.frames == 17
    assert out.read_bytes() == etok.read_bytes()
    assert list(tmp_path.iterdir()) == [out]


def test_without_resume_an_interrupted_run_leaves_nothing(clip: Path, tmp_path: Path) -> None:
    def interrupt(event: Event) -> None:
        if isinstance(event, BlockDone) and event.index == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        api.encode(clip, tmp_path / "out.etok", model=MODEL, size="source", watch=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_no_video_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no video at all\n" * 20)
    with pytest.raises(InputError) as error:
        api.encode(tmp_path / "notes.txt", tmp_path / "out.etok", model=MODEL)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "out.etok").exists()


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import elastictok_cli.api, sys; print(sorted({'torch', 'numba', 'av'} & sys.modules.keys()))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
