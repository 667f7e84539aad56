"""Small videos with odd times, shapes and changes on the way, made with PyAV, for tests of more than one room."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
from av.bitstream import BitStreamFilterContext

from .clips import _Tone, picture, write_video

MILLI = Fraction(1, 1000)
TS_CLOCK = 1 << 33


def joined(path: Path, parts: Sequence[Path]) -> Path:
    """Recordings one behind the other in one file, as `cat` makes them."""
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    return path


def repacked(source: Path, path: Path, change: Callable[[av.Packet[Any], int], None], **options: Any) -> Path:
    """The packets of a video in another file, each changed. change: takes a packet and its number in its stream."""
    with av.open(str(source)) as old, av.open(str(path), "w", **options) as new:
        copies = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        counts = dict.fromkeys(copies, 0)
        for packet in old.demux():
            if packet.size:
                index = packet.stream.index
                change(packet, counts[index])
                counts[index] += 1
                packet.stream = copies[index]
                new.mux(packet)
    return path


def wrapped(path: Path) -> Path:
    """A transport stream whose clock wraps 0.4 s after its start; 20 frames, sound beside them."""

    def late(packet: av.Packet[Any], _: int) -> None:
        ticks = round(Fraction(TS_CLOCK - 36_000, 90_000) / packet.time_base)
        packet.pts, packet.dts = cast(int, packet.pts) + ticks, cast(int, packet.dts) + ticks

    plain = write_video(path.with_name("plain.mkv"), 20, codec="mpeg2video", sound="mp2")
    return repacked(plain, path, late, container_options={"mpegts_copyts": "1"})


def two_recordings(path: Path) -> Path:
    """25 frames with sound, twice: the clock starts again."""
    part = write_video(path.with_name("part" + path.suffix), 25, codec="mpeg2video", sound="mp2")
    return joined(path, [part, part])


def three_recordings(path: Path) -> Path:
    """10 frames without sound, three times."""
    part = write_video(path.with_name("part" + path.suffix), 10, codec="mpeg2video")
    return joined(path, [part, part, part])


def later_clock(path: Path) -> Path:
    """Two recordings with sound, the clock of the second two hours ahead."""

    def late(packet: av.Packet[Any], _: int) -> None:
        ticks = round(7200 / packet.time_base)
        packet.pts, packet.dts = cast(int, packet.pts) + ticks, cast(int, packet.dts) + ticks

    part = write_video(path.with_name("part.ts"), 25, codec="mpeg2video", sound="mp2")
    second = repacked(part, path.with_name("second.ts"), late, container_options={"mpegts_copyts": "1"})
    return joined(path, [part, second])


def last_frame_far_away(path: Path) -> Path:
    """Sixteen frames in half a second, and one 20 s later."""
    return write_video(path, 17, time_base=MILLI, pts=[33 * i for i in range(16)] + [20_500])


def repeated(path: Path) -> Path:
    """12 frames, of which the third, fourth and last are empty packets: the frame before is shown again."""

    plain = write_video(path.with_name("plain.mkv"), codec="mpeg4")
    with av.open(str(plain)) as old, av.open(str(path), "w") as new:
        copy = new.add_stream_from_template(old.streams.video[0])
        for number, packet in enumerate(old.demux(video=0)):
            if packet.size:
                out = av.Packet(b"") if number in (2, 3, 11) else packet
                out.pts, out.dts, out.time_base = packet.pts, packet.dts, packet.time_base
                out.stream = copy
                new.mux(out)
    return path


def raw(path: Path, codec: str = "libx264", rate: int = 60) -> Path:
    """A stream without a container, or with next to none: 12 frames."""
    formats = {"libx264": "h264", "libx265": "hevc", "libvpx": "ivf"}
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    with av.open(str(path), "w", format=formats.get(codec, codec)) as file:
        stream = file.add_stream(codec, rate=rate, options=options)
        stream.width, stream.height = 64, 48
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24").reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def turned(source: Path, path: Path, clockwise: int) -> Path:
    """An H.264 stream whose own messages say how it is held."""
    with av.open(str(source)) as old, av.open(str(path), "w") as new:
        stream = old.streams.video[0]
        copy = new.add_stream_from_template(stream)
        change = BitStreamFilterContext(f"h264_metadata=rotate={clockwise}:display_orientation=insert", stream)
        for packet in old.demux(stream):
            for out in change.filter(packet) if packet.size else change.filter(None):
                out.stream = copy
                new.mux(out)
    return path


def with_clap(path: Path, fields: Sequence[int], size: tuple[int, int] = (64, 48)) -> Path:
    """An MP4 with a clean aperture box. fields: its eight numbers."""
    write_video(path, 4, size=size)
    data = bytearray(path.read_bytes())
    box = struct.pack(">I4s8i", 40, b"clap", *fields)
    at = data.index(b"avc1", data.index(b"stsd")) - 4  # in the sample description; it and all that holds it grow
    end = at + int.from_bytes(data[at : at + 4], "big")
    for name in (b"avc1", b"stsd", b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        start = data.rindex(name, 0, at + 8) - 4
        data[start : start + 4] = (int.from_bytes(data[start : start + 4], "big") + len(box)).to_bytes(4, "big")
    assert data.index(b"mdat") < at  # so that no offset of a sample changes
    data[end:end] = box
    path.write_bytes(data)
    return path


def with_pixel_crop(path: Path, crop: tuple[int, int, int, int], size: tuple[int, int] = (64, 48)) -> Path:
    """A Matroska file with PixelCrop. crop: left, top, right, bottom."""
    write_video(path, 4, size=size)
    data = bytearray(path.read_bytes())
    body = b"".join(
        struct.pack(">HBB", ident, 0x81, n) for ident, n in zip((0x54CC, 0x54BB, 0x54DD, 0x54AA), crop, strict=True)
    )
    segment = _element(data, 0, len(data), 0x18538067)
    tracks = _element(data, segment[2], segment[3], 0x1654AE6B)
    entry = _element(data, tracks[2], tracks[3], 0xAE)
    video = _element(data, entry[2], entry[3], 0xE0)
    for at, size_bytes, _, _ in (segment, tracks, entry, video):
        size = int.from_bytes(data[at : at + size_bytes], "big") + len(body)
        data[at : at + size_bytes] = size.to_bytes(size_bytes, "big")
    # The list of places would be wrong now: it becomes a Void.
    at, _, _, end = _element(data, segment[2], segment[3], 0x114D9B74)
    data[at - 4 : at + 5] = b"\xec" + (1 << 56 | end - at - 5).to_bytes(8, "big")
    data[video[3] : video[3]] = body
    path.write_bytes(data)
    return path


def _element(data: bytearray, start: int, end: int, wanted: int) -> tuple[int, int, int, int]:
    """(where its size lies, how long that is, where its content starts, where it ends) of an EBML element."""
    while start < end:
        size_at = start + 9 - data[start].bit_length()
        size_bytes = 9 - data[size_at].bit_length()
        first = size_at + size_bytes
        last = first + (int.from_bytes(data[size_at:first], "big") & ((1 << 7 * size_bytes) - 1))
        if int.from_bytes(data[start:size_at], "big") == wanted:
            return size_at, size_bytes, first, last
        start = last
    raise ValueError(f"no element {wanted:x}")


def transparent_vp9(path: Path, codec: str = "libvpx-vp9") -> Path:
    """Six frames, the left half transparent; its colour under that is black, that of the right half red."""
    rgba = np.zeros((48, 64, 4), np.uint8)
    rgba[:, 32:] = (200, 30, 30, 255)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=10, options={"auto-alt-ref": "0", "crf": "4", "b": "1M"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuva420p"
        stream.metadata["alpha_mode"] = "1"
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(rgba, "rgba").reformat(format="yuva420p")
            frame.pts, frame.time_base = number, Fraction(1, 10)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


def sound_with_a_picture(path: Path, pictures: int) -> Path:
    """A second of sound and a track of pictures, which nothing marks as a cover."""
    with av.open(str(path), "w") as file:
        cover = file.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
        tone = _Tone(file, "aac")
        for number in range(pictures):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24").reformat(format="yuvj420p")
            frame.pts, frame.time_base = number * 10, Fraction(1, 25)
            file.mux(cover.encode(frame))
        file.mux(cover.encode(None))
        tone.until(1.0)
        tone.finish()
    return path


def with_a_large_picture(path: Path) -> Path:
    """A video of 64x48 and a track with one picture of 320x240, which nothing marks as a cover."""
    with av.open(str(path), "w") as file:
        cover = file.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 320, 240, "yuvj420p"
        video = file.add_stream("libx264", rate=25, options={"bf": "0"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        file.start_encoding()
        frame = av.VideoFrame.from_ndarray(picture(3, 320, 240), "rgb24").reformat(format="yuvj420p")
        file.mux(cover.encode(frame) + cover.encode(None))
        for number in range(12):
            frame = av.VideoFrame.from_ndarray(picture(number), "rgb24").reformat(format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(video.encode(frame))
        file.mux(video.encode(None))
    return path
