"""Sound of every codec through every container: copied, or coded anew in step with the picture."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest

from elastictok_cli.video import SinkOptions, open_sink, open_source

from .clips import picture

RATE, SECONDS, BEEP_S = 48000, 2.0, 1.0
# encoder, container that it comes in, sample rate
SOUNDS = {
    "pcm_alaw": (".avi", 8000),
    "pcm_mulaw": (".mov", 8000),
    "wavpack": (".mkv", RATE),
    "flac": (".mkv", RATE),
    "alac": (".mov", RATE),
    "libopus": (".mkv", RATE),
    "libmp3lame": (".mkv", 44100),
    "mp2": (".mkv", RATE),
    "ac3": (".mkv", RATE),
    "aac": (".mp4", 44100),
    "pcm_s16le": (".mkv", RATE),
    "pcm_s24le": (".mov", RATE),
    "pcm_s16be": (".mov", 22050),
    "pcm_f32le": (".mkv", RATE),
    "pcm_u8": (".mov", RATE),
}


def clip(path: Path, encoder: str, rate: int) -> Path:
    """Two seconds of video; silence but for a beep in the middle."""
    with av.open(str(path), "w") as file:
        video = cast(av.VideoStream, file.add_stream("libx264", rate=25))
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = cast(Any, file.add_stream(encoder, rate=rate, layout="mono"))
        for number in range(int(25 * SECONDS)):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
        at = np.arange(int(SECONDS * rate))
        wave = np.where(abs(at / rate - BEEP_S) < 0.1, 0.5 * np.sin(at * 2 * np.pi * 700 / rate), 0).astype(np.float32)
        resampler = av.AudioResampler(sound.codec_context.format.name, "mono", rate)
        for start in range(0, len(wave), 1024):
            piece = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "flt", "mono")
            piece.sample_rate, piece.pts, piece.time_base = rate, start, Fraction(1, rate)
            for part in resampler.resample(piece):
                file.mux(sound.encode(part))
        file.mux(sound.encode(None))
    return path


def heard(path: Path) -> tuple[str, float, float]:
    """(codec, start of the beep in seconds, length of all) as a player has it."""
    with av.open(str(path)) as file:
        stream = file.streams.audio[0]
        resampler = av.AudioResampler("flt", "mono", RATE)
        loud: list[float] = []
        end = 0.0
        for frame in file.decode(stream):
            at = float(frame.pts * frame.time_base)
            for part in resampler.resample(frame):
                samples = np.abs(part.to_ndarray().reshape(-1))
                loud += list(at + np.flatnonzero(samples > 0.1)[:1] / RATE)
                end = at + len(samples) / RATE
        return stream.codec_context.codec.canonical_name, loud[0], end


def through(source_path: Path, target: Path, mode: Any = "auto") -> list[str]:
    with (
        open_source(source_path, size="source") as source,
        open_sink(
            target, SinkOptions(codec="av1" if target.suffix == ".webm" else "h264", audio=mode), source.info
        ) as sink,
    ):
        for frame in source.frames():
            sink.write(frame.pts, frame.rgb)
        for packet in source.audio_packets():
            sink.write_audio(packet)
    return [note for note in sink.notes if "sound" in note]


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
@pytest.mark.parametrize("encoder", SOUNDS)
def test_every_sound_is_in_every_output_and_in_step(tmp_path: Path, encoder: str, suffix: str) -> None:
    home, rate = SOUNDS[encoder]
    source = clip(tmp_path / f"in{home}", encoder, rate)
    codec, beep, length = heard(source)
    notes = through(source, tmp_path / f"out{suffix}")
    out, out_beep, out_length = heard(tmp_path / f"out{suffix}")
    assert abs(out_beep - beep) < 0.012 and abs(out_length - length) < 0.06
    if not notes:  # FFmpeg reads MPEG layer 2 in MP4 as layer 3, which decodes it
        assert out in (codec, "mp3" if codec == "mp2" else codec)
        assert not (suffix == ".mp4" and codec.startswith("pcm_"))
    else:
        assert out == ("opus" if suffix == ".webm" else "aac")
        (note,) = notes
        assert f"({codec})" in note and f"in {suffix}, so it is coded as {'Opus' if out == 'opus' else 'AAC'}" in note
        for other in (".mkv", ".mov"):  # a hint is true
            if f"; {other} keeps it" in note:
                assert through(source, tmp_path / f"other{other}") == []
                assert heard(tmp_path / f"other{other}")[0] == codec


def test_copy_leaves_out_what_cannot_be_copied(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", "wavpack", RATE)
    (note,) = through(source, tmp_path / "out.mp4", "copy")
    assert note == "the sound (wavpack) cannot go into .mp4 and is left out; .mkv keeps it; `audio` auto codes it"
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert not file.streams.audio


def test_copy_copies_pcm_into_mp4(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mov", "pcm_s24le", RATE)
    assert through(source, tmp_path / "out.mp4", "copy") == []
    assert heard(tmp_path / "out.mp4")[0] == "pcm_s24le"


def test_none_says_nothing(tmp_path: Path) -> None:
    source = clip(tmp_path / "in.mkv", "wavpack", RATE)
    assert through(source, tmp_path / "out.mp4", "none") == []
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert not file.streams.audio
