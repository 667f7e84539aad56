"""Opens an input, and says in the user's words why it cannot be opened."""

from __future__ import annotations

import errno
import mmap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, cast

import av
import av.container
import av.error

from ..errors import InputError
from .inputs import DEMUXERS, is_list

# No protocol: FFmpeg gets an open file, and whatever in it names another file or an address stays unread.
_OPTIONS = {"protocol_whitelist": "", "format_whitelist": ",".join(DEMUXERS)}
_BUFFER_BYTES = 1 << 16


class _Nameless:
    """A file without its name: FFmpeg takes some names for numbered pictures, addresses or lists."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self.read, self.tell = file, file.read, file.tell

    def seek(self, offset: int, whence: int) -> int:
        """The new place; FFmpeg's number for a wrong one, which a damaged file may ask for."""
        try:
            return self._file.seek(offset, whence)
        except (OSError, ValueError, OverflowError):
            return -errno.EINVAL


@contextmanager
def opened(
    path: str, name: str, demuxer: str | None = None, options: Mapping[str, str] | None = None
) -> Iterator[av.container.InputContainer]:
    """The input, open; nothing but this file is read. Raises InputError in the user's words.

    demuxer: FFmpeg's name of the format; None: what the file's bytes are. options: of the demuxer.
    """
    with _file(path, name) as file:
        try:
            container = av.open(
                _Nameless(file),
                mode="r",
                format=demuxer,
                options={**_OPTIONS, **(options or {})},
                # Some cameras write names and places in no known encoding; that must not keep a video from opening.
                metadata_errors="ignore",
                buffer_size=_BUFFER_BYTES,
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise InputError(_no_video(path, name, error)) from None
        with container:
            yield container


def _file(path: str, name: str) -> BinaryIO:
    try:
        return open(path, "rb")
    except FileNotFoundError:
        raise InputError(f"{name}: there is no such file") from None
    except IsADirectoryError:
        raise InputError(f"{name}: is a folder") from None
    except PermissionError:
        raise InputError(f"{name}: may not be read") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: cannot be opened ({error})") from None


def _no_video(path: str, name: str, error: Exception) -> str:
    with open(path, "rb") as file:
        head = file.read(4096)
    if not head:
        return f"{name}: the file is empty"
    if head[4:8] == b"ftyp":
        return f"{name}: damaged or cut off: this MP4 or MOV has no index, so nothing can be read"
    if is_list(head):
        return (
            f"{name}: a list of other files, and only the file that is named is read; give the media file itself, or "
            "make one of them with 'ffmpeg -i LIST -c copy OUT.mkv'"
        )
    if _is_text(head):
        return f"{name}: a text file, not a video or picture"
    if isinstance(error, av.error.ArgumentError):  # what FFmpeg says of a format that is not on the list
        return f"{name}: in a format that is not read; 'ffmpeg -i FILE OUT.mkv' makes one that is"
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


def make_decoder(stream: av.VideoStream, name: str | None) -> av.VideoCodecContext:
    """The stream's own decoder, or the one of this name."""
    if name is None:
        return stream.codec_context
    decoder = cast(av.VideoCodecContext, av.CodecContext.create(name, "r"))
    decoder.extradata = stream.codec_context.extradata
    return decoder


def is_encrypted(path: str) -> bool:
    """Whether an MP4 says that its video is encrypted (ISO/IEC 23001-7): what cannot be decoded has a reason then."""
    with open(path, "rb") as file:
        if file.read(8)[4:] != b"ftyp":
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            at = data.find(b"encv")
            return bool(at >= 0 and data.find(b"sinf", at, at + 4096) >= 0)
