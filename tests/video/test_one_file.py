"""Nothing but the file that was named is read, whatever its name and whatever stands in it."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import av
import pytest
from av.format import ContainerFormat

from elastictok_cli.errors import InputError
from elastictok_cli.video import open_source
from elastictok_cli.video.inputs import DEMUXERS
from elastictok_cli.video.playable import playable

from .clips import picture, write_picture, write_video

# Demuxers that open other files or addresses, or devices, or that are made of text, samples or lists.
NEVER = {
    *(
        "concat",
        "dash",
        "hls",
        "imf",
        "image2",
        "image2pipe",
        "lavfi",
        "rtp",
        "rtsp",
        "sap",
        "sdp",
        "webm_dash_manifest",
    ),
    *("alsa", "fbdev", "kmsgrab", "oss", "video4linux2", "v4l2", "x11grab", "vobsub", "svg_pipe", "tty", "rawvideo"),
    *("srt", "ass", "webvtt", "ffmetadata", "tedcaptions", "bin", "xbin", "adf", "idf"),
}

M3U8 = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n"
DASH = (
    '<?xml version="1.0"?>\n<!-- made for a test -->\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" '
    'mediaPresentationDuration="PT1S" profiles="urn:mpeg:dash:profile:isoff-on-demand:2011"><Period><AdaptationSet '
    'mimeType="video/mp4"><Representation id="1" bandwidth="1000"><BaseURL>{other}</BaseURL></Representation>'
    "</AdaptationSet></Period></MPD>"
)
LISTS = {
    "m3u8": M3U8,
    "m3u": "#EXTM3U\n{other}\n",
    "mpd": DASH,
    "ffconcat": "ffconcat version 1.0\nfile '{other}'\n",
    "pls": "[playlist]\nFile1={other}\nNumberOfEntries=1\n",
    "sdp": "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=x\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 5004 RTP/AVP 96\r\n",
    "xspf": '<?xml version="1.0"?><playlist version="1"><trackList><track><location>{other}</location></track>'
    "</trackList></playlist>",
    "smil": '<smil><body><video src="{other}"/></body></smil>',
    "asx": '<asx version="3.0"><entry><ref href="{other}"/></entry></asx>',
    "ism": '<?xml version="1.0"?><SmoothStreamingMedia MajorVersion="2"></SmoothStreamingMedia>',
    "imf": '<?xml version="1.0"?><CompositionPlaylist xmlns="http://www.smpte-ra.org/schemas/2067-3/2016">'
    "</CompositionPlaylist>",
}

_opened: list[str] = []
_watched = threading.Event()


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "open" and _watched.is_set():
        _opened.append(os.fspath(arguments[0]) if isinstance(arguments[0], (str, os.PathLike)) else "")
    elif event == "socket.connect" and _watched.is_set():
        _opened.append("an address")


sys.addaudithook(_watch)


@pytest.mark.parametrize("suffix", [None, "mp4"])
@pytest.mark.parametrize("kind", LISTS)
def test_a_list_of_other_files_is_refused_in_one_line(tmp_path: Path, kind: str, suffix: str | None) -> None:
    other = write_video(tmp_path / "other.ts")
    path = tmp_path / f"list.{suffix or kind}"
    path.write_text(LISTS[kind].format(other=other.name))
    _opened.clear()
    _watched.set()
    try:
        with pytest.raises(
            InputError, match="a list of other files, and only the file that is named is read"
        ) as caught:
            open_source(path)
    finally:
        _watched.clear()
    assert "\n" not in str(caught.value) and str(caught.value).startswith(path.name)
    assert set(_opened) == {str(path)}


def test_a_list_by_pipe_is_refused_too(tmp_path: Path) -> None:
    path = tmp_path / "list.m3u8"
    path.write_text(M3U8.format(other=write_video(tmp_path / "other.ts")))
    with path.open("rb") as file, pytest.raises(InputError, match="a list of other files"):
        open_source(file)


def test_a_movie_whose_samples_lie_in_another_file_does_not_open_it(tmp_path: Path) -> None:
    """QuickTime's data references, which FFmpeg follows if it is asked to."""
    data = bytearray(write_video(tmp_path / "a.mov").read_bytes())
    at = data.index(b"url \0\0\0\1")
    data[at : at + 8] = b"alis\0\0\0\0"
    path = tmp_path / "b.mov"
    path.write_bytes(data)
    _opened.clear()
    _watched.set()
    try:
        with open_source(path) as source:
            frames = list(source.frames())
    except InputError:
        frames = []
    finally:
        _watched.clear()
    assert len(frames) in (0, 12) and set(_opened) <= {str(path)}


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs a list of open files")
def test_ffmpeg_itself_holds_no_file_open(tmp_path: Path) -> None:
    """It gets an open file, so what a demuxer opened by itself would be one more."""
    path = write_video(tmp_path / "a.mkv", 30)
    before = open_files()
    with open_source(path) as source:
        frames = source.frames()
        next(frames)
        assert open_files() - before == {str(path)}
        list(frames)
    assert open_files() <= before


def open_files() -> set[str]:
    """The files that this process holds open."""
    links = (f"/proc/self/fd/{number}" for number in os.listdir("/proc/self/fd"))
    return {os.readlink(link) for link in links if os.path.lexists(link)} - {f"/proc/{os.getpid()}/fd"}


def test_no_demuxer_that_opens_other_things_is_on() -> None:
    readable = set()
    for name in av.formats_available:
        try:
            readable |= set(ContainerFormat(name, "r").name.split(","))
        except ValueError:
            continue  # only written
    on = readable & set(DEMUXERS)
    assert {"mov", "matroska", "mpegts", "avi", "png_pipe", "wav"} <= on and len(on) < len(readable)
    assert not on & NEVER and not [name for name in on if ContainerFormat(name, "r").no_file]


@pytest.mark.parametrize(
    "name",
    [
        "12:30 talk.mp4",
        "file:a.mp4",
        "concat:a.mp4|b.mp4",
        "http:a.mp4",
        "x%03d.mp4",
        "*.mp4",
        "-a.mp4",
        "a.m3u8",
        "a\nb",
    ]
    + ["subfile,,start,0,end,9,,:a.mp4", "pipe:0", "data:a"],
)
def test_any_name_is_a_file(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.replace(write_video(tmp_path / "made.mp4"), name)
    with open_source(name) as source:
        assert len(list(source.frames())) == 12 and source.info.name == name


def test_a_picture_whose_name_has_a_number_is_one_picture(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / f"p{number}.bmp.png", picture(number, 16, 12), "rgb24")
    pattern = write_picture(tmp_path / "p%d.png", picture(9, 16, 12), "rgb24")
    with open_source(pattern, size="source") as source:
        frames = list(source.frames())
    assert len(frames) == 1 and (frames[0].rgb == picture(9, 16, 12)).all()
    with pytest.raises(InputError, match="no such file"):
        open_source(tmp_path / "p%d.bmp.png")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_is_read_as_standard_input_is(tmp_path: Path) -> None:
    pipe, data = tmp_path / "pipe", write_video(tmp_path / "a.mp4").read_bytes()
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(data,))
    writer.start()
    with open_source(pipe) as source:
        assert len(list(source.frames())) == 12
    writer.join()


def test_a_format_that_is_off_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "a.sbg"
    path.write_bytes(b"SBaGen\0" + struct.pack("<8I", *range(8)) * 40)
    with pytest.raises(InputError, match="not a video or picture|a format that is not read"):
        open_source(path)


def test_a_page_is_made_of_the_named_file_only(tmp_path: Path) -> None:
    path = tmp_path / "list.mp4"
    path.write_text(M3U8.format(other=write_video(tmp_path / "other.ts")))
    with pytest.raises(InputError, match="a list of other files"):
        playable(path, tmp_path)


def test_every_command_refuses_a_list(tmp_path: Path) -> None:
    path, etok = tmp_path / "list.m3u8", tmp_path / "a.etok"
    write_video(tmp_path / "other.ts", 4)
    path.write_text(M3U8.format(other="other.ts"))
    run = [sys.executable, "-m", "elastictok_cli"]
    subprocess.run([*run, "encode", str(tmp_path / "other.ts"), "-o", str(etok), "-q"], check=True)
    for command in (
        ["encode", str(path), "-o", str(tmp_path / "b.etok")],
        ["compare", str(path), str(etok), "-o", str(tmp_path / "a.png")],
        ["verify", str(etok), "--source", str(path)],
        ["bench", str(path), "--output", str(tmp_path / "bench")],
        ["batch", str(path), "-o", str(tmp_path / "batch")],
    ):
        result = subprocess.run([*run, *command], capture_output=True, text=True)
        assert result.returncode and "a list of other files" in result.stderr + result.stdout, command
        assert "Traceback" not in result.stderr
