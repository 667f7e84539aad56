"""What a folder is searched for where no pattern is given. A file that is named may have any ending."""

from __future__ import annotations

VIDEOS = frozenset(
    ("3g2", "3gp", "avi", "flv", "gif", "m2ts", "m4v", "mjpeg", "mkv", "mov", "mp4", "mpeg", "mpg", "mts", "mxf")
    + ("nut", "ogv", "ts", "vob", "webm", "wmv", "y4m")
)
PICTURES = frozenset(("avif", "bmp", "jpeg", "jpg", "png", "tif", "tiff", "webp"))
