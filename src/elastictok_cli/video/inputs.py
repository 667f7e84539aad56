"""What may come in: the formats that are read, the lists of other files that are not, and the usual file names."""

from __future__ import annotations

import re

# What a folder is searched for where no pattern is given. A file that is named may have any suffix.
VIDEOS = frozenset(
    ("3g2", "3gp", "avi", "flv", "gif", "m2ts", "m4v", "mjpeg", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf")
    + ("nut", "ogv", "ts", "vob", "webm", "wmv", "y4m")
)
PICTURES = frozenset(("avif", "bmp", "jpeg", "jpg", "png", "tif", "tiff", "webp"))

# FFmpeg's demuxers that read one file and nothing else. Not on it: lists (hls, dash, concat, imf, sdp, rtsp), numbered
# files (image2), pairs of files (vobsub), devices, text, SVG (which may refer to files), and samples without a header.
_CONTAINERS = (
    "apng asf avi dhav dv flv gif gxf hxvs ifv iv8 ivf kux live_flv lmlm4 luodat lvf lxf matroska mov mpeg mpegts "
    "mpjpeg msnwctcp mxf mxg nc nsv nut nuv ogg pva r3d rm simbiosis_imx smjpeg swf ty wtv yuv4mpegpipe"
)
_STREAMS = (
    "apv av1 avs2 avs3 cavsvideo dirac dnxhd evc h261 h263 h264 hevc ingenient m4v mjpeg mjpeg_2000 mpegvideo obu "
    "vc1 vc1test vvc"
)
_CLASSICS = (
    "4xm anm bethsoftvid bfi bink c93 cdg cdxl cine dfa dsicin dxa ea film_cpk filmstrip flic frm gdv hnm idcin "
    "ipmovie ipu iss jv mlv mm mods moflex mtv mv mvi paf pdv pmp psxstr rl2 roq rpl sdr2 ser sga siff smk smush "
    "thp tiertexseq tmv usm vivo vmd wc3movie wsvqa xmv yop"
)
_PICTURES = (
    "bmp cri dds dpx exr gem gif hdr j2k jpeg jpegls jpegxl jpegxs pam pbm pcx pfm pgm pgmyuv pgx phm photocd "
    "pictor png ppm psd qdraw qoi sgi sunrast tiff vbn webp xbm xpm xwd"
)
_SOUND = "aac ac3 aiff amr ape au caf dsf dts dtshd eac3 flac mlp mp3 oma tak truehd tta voc w64 wav wv"  # to name it
DEMUXERS = (
    *" ".join((_CONTAINERS, _STREAMS, _CLASSICS, _SOUND, "fits ico jpegxl_anim")).split(),
    *(f"{name}_pipe" for name in _PICTURES.split()),
)

_LIST = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*(?:#EXTM3U|ffconcat version|\[playlist\]|\[Reference\]|RTSPtext|v=0\s+o=)"
    rb"|.{0,2000}<(?:\w+:)?(?:MPD|SmoothStreamingMedia|CompositionPlaylist|asx|smil|playlist)[\s>]",
    re.IGNORECASE | re.DOTALL,
)


def is_list(head: bytes) -> bool:
    """Whether these first bytes are of a playlist or another list of media files: M3U8, DASH, ffconcat, PLS, SDP."""
    return _LIST.match(head) is not None
