"""The Python interface: the same loops as the command line, on paths, with numpy arrays to look at.

    import elastictok_cli as et  # the package hands these names on

    model = et.load_model()
    et.encode("in.mp4", "in.etok", model=model, target=et.Target.threshold(0.007))
    with et.open_etok("in.etok", model) as file:
        for block in file.tokens():  # values: numpy integers
            print(block.index, block.tile, block.values)
        for pts, rgb in file.frames():  # uint8 (H, W, 3)
            ...

Importing this module loads neither torch nor numba nor PyAV; what needs them loads them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Self, TypeVar, overload

import numpy as np
import numpy.typing as npt

from .codec.events import Event, Finished, Verified
from .codec.settings import DecodeSettings, EncodeSettings
from .codec.target import Target
from .container import BlockRecord, Header, Reader
from .types import PathLike

if TYPE_CHECKING:
    from .codec.random_access import RandomAccess
    from .models.base import TokenModel

__all__ = [
    "DecodeSettings",
    "EncodeSettings",
    "EtokFile",
    "Target",
    "TokenBlock",
    "decode",
    "encode",
    "load_model",
    "open_etok",
    "verify",
]

Watcher = Callable[[Event], None]
Result = TypeVar("Result", Finished, Verified)


def load_model(name: PathLike | None = None, device: str = "auto", precision: str = "float32") -> TokenModel:
    """A model by its name or its .safetensors file; None for the bundled one.

    precision: float32, or bf16 or fp16 for the original models.
    Raises UnsupportedFile for a file that is none of a model or of a newer one, UsageError for an unknown
    name.
    """
    from .models.registry import load

    return load(name, device, precision)


def encode(
    source: PathLike | BinaryIO,
    output: PathLike | BinaryIO,
    *,
    model: TokenModel | PathLike | None = None,
    target: Target | float | None = None,
    watch: Watcher | None = None,
    **settings: Any,
) -> Finished:
    """Encode a video or picture into an .etok file; returns the totals.

    model: itself, its name or its weights file; None for the bundled one. target: a `Target` or a threshold; default
    0.007. `Target.size(bytes)` and `Target.bpp(bits)` take up to three passes over the source. watch: called with every
    event. settings: fields of `EncodeSettings`, such as size, start, duration, max_tokens, gop_blocks, audio, strict,
    about, jobs, threads, overwrite, resume.

    The output appears when it is whole. A script that asks for more than one job keeps its own work under
    `if __name__ == "__main__":`. Raises the errors of errors.py.
    """
    from .codec.pipeline import encode_file

    if target is not None:
        settings["target"] = target if isinstance(target, Target) else Target.threshold(target)
    if "size" in settings:
        settings["size"] = str(settings["size"])  # a number is the shorter side
    chosen = EncodeSettings(**settings)
    model = load_model(model) if model is None or isinstance(model, (str, os.PathLike)) else model
    return _last(encode_file(source, output, model, chosen), Finished, watch)


def decode(
    source: PathLike | BinaryIO | bytes,
    output: PathLike,
    *,
    model: TokenModel | None = None,
    recover: bool = False,
    watch: Watcher | None = None,
    **settings: Any,
) -> Finished:
    """Decode an .etok file into a video, picture or numbered pictures, by the output's name; returns the totals.

    recover: show what is whole of a damaged file. settings: fields of `DecodeSettings`, such as start, duration, codec,
    crf, size, audio, jobs, overwrite. Raises the errors of errors.py.
    """
    from .codec.outputs import check_output
    from .codec.pipeline import decode_file

    chosen = DecodeSettings(**settings)
    check_output(output, source, overwrite=chosen.overwrite)
    with Reader(source, recover=recover) as reader:
        return _last(decode_file(reader, output, model or _model_of(reader.header), chosen), Finished, watch)


def verify(
    etok: PathLike | BinaryIO | bytes,
    source: PathLike | BinaryIO | None = None,
    *,
    model: TokenModel | None = None,
    watch: Watcher | None = None,
) -> Verified:
    """Check an .etok file: structure, checksums, tokens; with its source, the error of every block. See `Verified`."""
    from .codec.verify import verify as run
    from .video import open_source

    with Reader(etok) as reader:
        model = model or _model_of(reader.header)
        if source is None:
            return _last(run(reader, model), Verified, watch)
        width, height = reader.header.coded_size
        with open_source(source, size=f"{width}x{height}") as opened:
            return _last(run(reader, model, opened), Verified, watch)


def open_etok(source: PathLike | BinaryIO | bytes, model: TokenModel | None = None, recover: bool = False) -> EtokFile:
    """Open a file to look into it, or to take frames out of it.

    source: path, URL that fsspec knows (extra `remote`), file object, or the file's bytes. Of a file object that can
    seek, only what is needed is read. model: for tokens and frames; None loads the one that the file names. recover:
    take what is whole of a damaged file. Raises InputError, UnsupportedFile or DamagedFile.
    """
    return EtokFile(Reader(source, recover=recover), model)


@dataclass(frozen=True, eq=False)
class TokenBlock:
    """The tokens of one tile of one block. values: uint16 (count,), or int8 (count, channels)."""

    index: int
    gop: int
    first_frame: int
    frames: int
    tile: int
    qindex: int
    values: npt.NDArray[Any]


class EtokFile:
    """An open .etok file. header and blocks need no model; a context manager, or `close` it.

    It is a sequence of its frames: `len(file)`, `file[17]`, uint8 (H, W, 3), and `file[8:16]`, uint8 (N, H, W, 3).
    """

    def __init__(self, reader: Reader, model: TokenModel | None = None) -> None:
        self.reader, self._model = reader, model
        self._access: RandomAccess | None = None

    @property
    def header(self) -> Header:
        """What holds for the whole file."""
        return self.reader.header

    @property
    def model(self) -> TokenModel:
        """The model, loaded when first needed."""
        if self._model is None:
            self._model = _model_of(self.header)
        return self._model

    def blocks(self) -> Iterator[BlockRecord]:
        """Counts, errors and qindexes of all blocks, from the tables alone."""
        return self.reader.blocks()

    def tokens(self) -> Iterator[TokenBlock]:
        """The tokens of every tile of every block. Raises DamagedFile where they are not those written."""
        from .codec.decoder import check_model, parse
        from .codec.gop_decoder import ParsedBlock

        check_model(self.reader, self.model)
        index = 0
        for item in parse(self.reader, self.model.tables, audio=False):
            if not isinstance(item, ParsedBlock):
                continue
            for tile, tokens in enumerate(item.tokens):
                yield TokenBlock(
                    index,
                    item.gop,
                    item.first_frame,
                    tokens.frames,
                    tile,
                    tokens.qindex,
                    np.asarray(tokens.values),
                )
            index += 1

    def frames(
        self, start: float | None = None, duration: float | None = None
    ) -> Iterator[tuple[int, npt.NDArray[np.uint8]]]:
        """(PTS, uint8 (H, W, 3)) of every frame, or of a range in seconds from the first frame."""
        from .codec.decoder import decode_range

        with closing(decode_range(self.reader, self.model, start, duration)) as items:
            yield from items

    @property
    def _frames(self) -> RandomAccess:
        from .codec.random_access import RandomAccess

        if self._access is None:
            self._access = RandomAccess(self.reader)
        return self._access

    def __len__(self) -> int:
        """Number of frames."""
        return self.reader.frames

    @overload
    def __getitem__(self, number: int) -> npt.NDArray[np.uint8]: ...
    @overload
    def __getitem__(self, number: slice) -> npt.NDArray[np.uint8]: ...
    def __getitem__(self, number: int | slice) -> npt.NDArray[np.uint8]:
        """One frame, or those of a slice. Raises IndexError for a number that is none, and as `frames_at`."""
        if isinstance(number, slice):
            return self.frames_at(range(*number.indices(len(self))))
        if not -len(self) <= number < len(self):
            raise IndexError(f"{self.reader.name}: there is no frame {number}")
        frame: npt.NDArray[np.uint8] = self.frames_at([number])[0]
        return frame

    def frames_at(self, numbers: Sequence[int]) -> npt.NDArray[np.uint8]:
        """Frames by their numbers, counted from 0, in any order: uint8 (len(numbers), H, W, 3).

        Only the GOPs that hold them are read and decoded, and the last GOP is kept for the next call. Raises UsageError
        for a number that is none, DamagedFile.
        """
        return self._frames.frames_at(self.model, numbers)

    def frames_played_at(self, seconds: Sequence[float]) -> npt.NDArray[np.uint8]:
        """The frames that a player shows at these times: uint8 (len(seconds), H, W, 3).

        seconds: from the first frame. Raises UsageError for a time outside of the video, and as `frames_at`.
        """
        return self.frames_at(self._frames.numbers_at(seconds))

    def close(self) -> None:
        """Close the file."""
        self.reader.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _model_of(header: Header) -> TokenModel:
    """The model that a file names. Raises UnsupportedFile if there is none of this name and digest."""
    from .models.registry import load_for

    return load_for(header)


def _last(events: Generator[Event, None, None], kind: type[Result], watch: Watcher | None) -> Result:
    """Run to the end, passing the events on."""
    last: Event | None = None
    with closing(events):
        for last in events:
            if watch is not None:
                watch(last)
    assert isinstance(last, kind)
    return last
