from __future__ import annotations

import io
import json
from fractions import Fraction
from pathlib import Path

import av
import pytest

from elastictok_cli.types import AudioPacket, AudioTrack
from elastictok_cli.video import SinkOptions, open_sink, open_source
from elastictok_cli.video.audio import add_track, can_copy, out_packet

from .clips import read_back, write_video
from .test_muxed import through

CODECS = ["aac", "libmp3lame", "libopus", "flac", "ac3", "mp2", "alac", "pcm_s16le"]


@pytest.mark.parametrize("codec", CODECS)
def test_packets_are_copied_byte_for_byte_at_their_times(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "in.mkv", 25, sound=codec)
    notes = through(path, tmp_path / "out.mkv")
    before, after = read_back(path), read_back(tmp_path / "out.mkv")
    assert notes == []
    assert before["sound"] and [p[2] for p in after["sound"]] == [p[2] for p in before["sound"]]
    late = [a[1] - b[1] for a, b in zip(after["sound"], before["sound"], strict=True)]
    assert max(map(abs, late)) <= Fraction(1, 1000)  # what Matroska rounds to


@pytest.mark.parametrize("codec", ["aac", "libmp3lame", "libopus", "ac3"])
def test_sound_in_mp4_decodes_to_the_same_samples(tmp_path: Path, codec: str) -> None:
    path = write_video(tmp_path / "in.mp4", 25, sound=codec)
    through(path, tmp_path / "out.mp4")
    assert samples(tmp_path / "out.mp4") == samples(path)
    assert read_back(tmp_path / "out.mp4")["duration"] == read_back(path)["duration"]


def samples(path: Path) -> list[tuple[Fraction | None, bytes]]:
    with av.open(str(path)) as file:
        return [
            (None if f.pts is None else f.pts * Fraction(1, f.sample_rate), f.to_ndarray().tobytes())
            for f in file.decode(audio=0)
        ]


def test_priming_before_zero_is_kept(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 25, sound="aac")
    assert read_back(path)["sound"][0][1] < 0
    through(path, tmp_path / "out.mp4")
    assert read_back(tmp_path / "out.mp4")["sound"][0][1] == read_back(path)["sound"][0][1]
    with open_source(path) as whole, open_source(path, start=0) as from_zero:
        assert list(from_zero.audio_packets()) == list(whole.audio_packets())


def test_languages_of_tracks_are_kept(tmp_path: Path) -> None:
    plain, named = write_video(tmp_path / "plain.mkv", 25, sound="aac aac aac"), tmp_path / "named.mkv"
    with av.open(str(plain)) as source, av.open(str(named), "w") as file:
        copies = {stream.index: file.add_stream_from_template(stream) for stream in source.streams}
        for stream, said in zip(list(copies.values())[1:], ("deu", "und", "fra"), strict=True):
            stream.metadata["language"] = said
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                file.mux(packet)
    with open_source(named) as source:
        assert source.info.languages == ("deu", "", "fra")
    for out in ("out.mp4", "out.mkv"):
        through(named, tmp_path / out)
        with open_source(tmp_path / out) as source:
            assert source.info.languages == ("deu", "", "fra")


def test_two_tracks_stay_two(tmp_path: Path) -> None:
    two = write_video(tmp_path / "two.mkv", 25, sound="aac libopus")
    with open_source(two) as source:
        assert len(source.info.audio) == 2
        assert {packet.stream for packet in source.audio_packets()} == {0, 1}
    through(two, tmp_path / "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as file:
        assert [s.codec_context.name for s in file.streams.audio] == ["aac", "opus"]


def test_a_track_is_plain_text_numbers_and_bytes(tmp_path: Path) -> None:
    with open_source(write_video(tmp_path / "in.mp4", 5, sound="aac")) as source:
        (track,) = source.info.audio
    assert (track.codec, track.sample_rate, track.channels, track.layout) == ("aac", 48000, 1, "mono")
    assert type(track.extradata) is bytes and track.extradata
    assert json.dumps([track.codec, str(track.time_base), track.sample_rate, track.layout, track.extradata.hex()])


def test_a_sound_that_mp4_cannot_hold_is_coded_anew_with_a_way_out(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mov", 5, sound="pcm_u8")
    assert through(path, tmp_path / "out.mp4") == [
        "the sound (pcm_u8) cannot be in .mp4, so it is coded as AAC; .mkv keeps it"
    ]
    assert read_back(tmp_path / "out.mp4")["sound"] != []
    assert through(path, tmp_path / "out.mkv") == []
    for silent in ("out.gif", "out.y4m"):
        (note,) = [note for note in through(path, tmp_path / silent) if "sound" in note]
        assert ".mkv" in note and ".mp4" not in note and ".webm" not in note


def test_a_sound_that_no_output_holds_is_named_when_reading(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.asf", 5, codec="mpeg4", sound="wmav2")
    with open_source(path) as source:
        assert source.info.audio == () and list(source.audio_packets()) == []
    assert any("wmav2" in note for note in source.notes)
    assert not can_copy("wmav2")


def track(codec: str) -> AudioTrack:
    return AudioTrack(codec=codec, time_base=Fraction(1, 48000), sample_rate=48000, channels=2, layout="stereo")


def test_a_codec_unknown_to_this_version_is_left_out_not_guessed() -> None:
    with av.open(io.BytesIO(), "w", format="mp4") as file:
        assert add_track(file, track("of the future")) is None


def test_times_that_stand_still_are_moved_on_by_a_tick(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mkv"), "w") as file:
        stream = add_track(file, track("mp3"))
        assert stream is not None
        packet = out_packet(
            AudioPacket(stream=0, pts=40, dts=40, duration=24, flags=1, data=b"x"), stream, Fraction(1, 1000), 10, 35
        )
        assert (packet.dts, packet.pts) == (36, 36)


def test_sound_before_the_first_frame_waits_for_it(tmp_path: Path) -> None:
    path = write_video(tmp_path / "in.mp4", 25, sound="aac")
    with open_source(path) as source:
        packets = list(source.audio_packets())
        with open_sink(tmp_path / "out.mp4", SinkOptions(), source.info) as sink:
            for packet in packets:
                sink.write_audio(packet)
            for frame in source.frames():
                sink.write(frame.pts, frame.rgb)
    assert [p[1:] for p in read_back(tmp_path / "out.mp4")["sound"]] == [p[1:] for p in read_back(path)["sound"]]
