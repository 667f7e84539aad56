"""Sound is never decoded: its packets are copied from the source, and written again as they were.

An `AudioTrack` is plain numbers, text and bytes, since it travels inside the .etok file. PyAV can only make an
output stream for packets that it did not encode from the stream of another file. So `add_track` writes the
few bytes of a Matroska header that names the codec, opens them, and takes that stream for a pattern.
"""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any, cast

import av
import av.container
import av.error

from ..types import AudioPacket, AudioTrack

# What MP4, MOV or Matroska take as it is (WMA and ADPCM are in none of them, as FFmpeg muxes).
# FFmpeg's codec name to Matroska's, and the bit depth, which tells the PCM formats apart.
_NATIVE = {
    "aac": ("A_AAC", 0),
    "ac3": ("A_AC3", 0),
    "eac3": ("A_EAC3", 0),
    "dts": ("A_DTS", 0),
    "truehd": ("A_TRUEHD", 0),
    "mp1": ("A_MPEG/L1", 0),
    "mp2": ("A_MPEG/L2", 0),
    "mp3": ("A_MPEG/L3", 0),
    "opus": ("A_OPUS", 0),
    "vorbis": ("A_VORBIS", 0),
    "flac": ("A_FLAC", 0),
    "alac": ("A_ALAC", 0),
    "tta": ("A_TTA1", 0),
    "wavpack": ("A_WAVPACK4", 0),
    "pcm_u8": ("A_PCM/INT/LIT", 8),
    "pcm_s16le": ("A_PCM/INT/LIT", 16),
    "pcm_s24le": ("A_PCM/INT/LIT", 24),
    "pcm_s32le": ("A_PCM/INT/LIT", 32),
    "pcm_s16be": ("A_PCM/INT/BIG", 16),
    "pcm_s24be": ("A_PCM/INT/BIG", 24),
    "pcm_s32be": ("A_PCM/INT/BIG", 32),
    "pcm_f32le": ("A_PCM/FLOAT/IEEE", 32),
    "pcm_f64le": ("A_PCM/FLOAT/IEEE", 64),
}
# FFmpeg's codec name to the tag that Microsoft gave it, and bits per sample.
_ACM = {
    "pcm_alaw": (0x0006, 8),
    "pcm_mulaw": (0x0007, 8),
    "amr_nb": (0x0057, 0),
    "amr_wb": (0x0058, 0),
}


def can_copy(codec: str) -> bool:
    """Whether `add_track` can write packets of this codec."""
    return codec in _NATIVE or codec in _ACM


def describe(stream: av.AudioStream) -> AudioTrack:
    """What to keep of a source's track."""
    context = stream.codec_context
    codec = context.codec.canonical_name
    channels = context.layout.nb_channels
    layout = context.layout.name
    if layout.endswith(" channels"):  # of no known order: FFmpeg's usual one
        layout = {1: "mono", 2: "stereo"}.get(channels, layout)
    extradata = bytes(context.extradata or b"")
    return AudioTrack(
        codec=codec,
        time_base=cast(Fraction, stream.time_base),
        sample_rate=context.sample_rate,
        channels=channels,
        layout=layout,
        frame_size=context.frame_size,
        extradata=extradata,
        language=language(stream.metadata.get("language")),
    )


def language(said: object) -> str:
    """A language as containers keep it, three letters; "" for anything else, and for "und"."""
    known = isinstance(said, str) and re.fullmatch("[a-z]{3}", said) is not None and said != "und"
    return str(said) if known else ""


def copy_packets(
    packets: Iterator[av.Packet[Any]],
    tracks: dict[int, int],
    ends: Mapping[int, int],
    low: Fraction | None,
    high: Fraction | None,
) -> Iterator[AudioPacket]:
    """Packets that begin within [low, high) seconds, in file order.

    tracks: stream index to track number. ends: by stream index, the PTS where a track is known to end: what
    its encoder added to fill up the last packet is not to be heard.
    Packets without a PTS get their DTS, or the end of the packet before.
    """
    reached: dict[int, int] = {}
    open_ended = set(tracks)
    for packet in packets:
        index = packet.stream_index
        if index not in tracks or packet.size == 0:
            continue
        pts = packet.pts if packet.pts is not None else packet.dts
        if pts is None:
            pts = reached.get(index, 0)
        duration = packet.duration or 0
        if pts < (end := ends.get(index, pts)):
            duration = min(duration, end - pts)
        reached[index] = pts + duration
        at = pts * packet.time_base
        if high is not None and at >= high:
            open_ended.discard(index)
            if not open_ended:
                return
            continue
        if low is not None and at < low:
            continue
        dts = packet.dts if packet.dts is not None else pts
        flags = int(packet.is_keyframe) | int(packet.is_discard) << 2
        yield AudioPacket(stream=tracks[index], pts=pts, dts=dts, duration=duration, flags=flags, data=bytes(packet))


def add_track(output: av.container.OutputContainer, track: AudioTrack) -> av.AudioStream | None:
    """An output stream for a track's packets; None if the output format cannot hold the codec."""
    if not can_copy(track.codec):
        return None
    try:
        with av.open(io.BytesIO(_matroska(track)), format="matroska") as pattern:
            stream = output.add_stream_from_template(pattern.streams.audio[0])
            context = stream.codec_context
            context.sample_rate = track.sample_rate
            context.layout = track.layout
            context.extradata = track.extradata or None
    except (ValueError, av.error.FFmpegError):
        return None
    stream.time_base = track.time_base
    return stream


def out_packet(
    packet: AudioPacket, stream: av.AudioStream, time_base: Fraction, shift: int, after: int | None
) -> av.Packet[Any]:
    """A packet to mux. shift: taken off its times. after: the DTS before, which muxers insist must grow."""
    copied: av.Packet[Any] = av.Packet(packet.data)
    dts = packet.dts - shift
    if after is not None and dts <= after:
        dts = after + 1
    copied.dts, copied.pts = dts, max(packet.pts - shift, dts)
    copied.duration = packet.duration
    copied.time_base = time_base
    copied.is_keyframe = bool(packet.flags & 1)
    copied.stream = stream
    return copied


def _matroska(track: AudioTrack) -> bytes:
    """The shortest Matroska file with one track of this codec: header, track, an empty cluster."""
    if track.codec in _NATIVE:
        codec, depth = _NATIVE[track.codec]
        private = track.extradata if track.codec == "aac" else b""  # the rest is set later, as it is
    else:
        codec = "A_MS/ACM"
        tag, depth = _ACM[track.codec]
        private = struct.pack("<HHIIHHH", tag, track.channels, track.sample_rate, 0, 0, depth, 0)
    sound = _element(0xB5, struct.pack(">d", track.sample_rate)) + _element(0x9F, bytes([max(1, track.channels)]))
    if depth:
        sound += _element(0x6264, bytes([depth]))
    entry = b"".join(
        [
            _element(0xD7, b"\1"),  # number
            _element(0x73C5, b"\1"),  # UID
            _element(0x83, b"\2"),  # audio
            _element(0x86, codec.encode()),
            _element(0x63A2, private) if private else b"",
            _element(0xE1, sound),
        ]
    )
    info = _element(0x1549A966, _element(0x2AD7B1, (1_000_000).to_bytes(3, "big")))
    tracks = _element(0x1654AE6B, _element(0xAE, entry))
    cluster = _element(0x1F43B675, _element(0xE7, b"\0"))
    return _element(0x1A45DFA3, _element(0x4282, b"matroska")) + _element(0x18538067, info + tracks + cluster)


def _element(ident: int, payload: bytes) -> bytes:
    """EBML: the identifier as it is, the length in eight bytes."""
    return ident.to_bytes((ident.bit_length() + 7) // 8, "big") + struct.pack(">Q", 1 << 56 | len(payload)) + payload
