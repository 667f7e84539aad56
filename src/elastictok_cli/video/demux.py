"""Opens an input, and says in the user's words why it cannot be opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import av
import av.container
import av.error

from ..errors import InputError


@contextmanager
def opened(path: str, name: str) -> Iterator[av.container.InputContainer]:
    """The input, open. Raises InputError in the user's words."""
    try:
        # Some cameras write names and places in no known encoding; that must not keep a video from opening.
        container = av.open(path, metadata_errors="ignore")
    except FileNotFoundError:
        raise InputError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: is a folder") from None
    except PermissionError:
        raise InputError(f"{name}: may not be read") from None
    except (av.error.FFmpegError, OSError, ValueError) as error:
        raise InputError(_no_video(path, name, error)) from None
    with container:
        yield container


def _no_video(path: str, name: str, error: Exception) -> str:
    if os.path.isdir(path):
        return f"{name}: is a folder"
    with open(path, "rb") as file:
        head = file.read(4096)
    if not head:
        return f"{name}: the file is empty"
    if head[4:8] == b"ftyp":
        return f"{name}: damaged or cut off: this MP4 or MOV has no index, so nothing can be read"
    if _is_text(head):
        return f"{name}: a text file, not a video or picture"
    reason = getattr(error, "strerror", None) or str(error)
    return f"{name}: not a video or picture that can be read ({reason.lower()})"


def _is_text(head: bytes) -> bool:
    try:
        text = head[: len(head) - 3].decode() if len(head) > 3 else head.decode()
    except UnicodeDecodeError as error:
        if error.start < len(head) - 8:
            return False
        text = head[: error.start].decode()
    return all(c.isprintable() or c in "\r\n\t\f" for c in text)


def video_stream(container: av.container.InputContainer, index: int) -> av.VideoStream:
    """Stream `index`, which is known to be video."""
    stream = container.streams[index]
    assert isinstance(stream, av.VideoStream)
    return stream


def seek(container: av.container.InputContainer, stream: av.VideoStream, pts: int) -> bool:
    """Go to the key frame before `pts`; False where the format cannot."""
    try:
        container.seek(pts, stream=stream)
    except av.error.FFmpegError:
        return False
    return True
