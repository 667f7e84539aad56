"""Single frames of a file, by number or by time. Only the GOPs that hold them are read, and the last one is kept."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate

import numpy as np

from ..container import Gop, Reader, check_size
from ..errors import DamagedFile, UsageError
from ..models.base import Frames, TokenModel
from .decoder import check_model
from .gop_decoder import GopDecoder, GopTask, ParsedBlock, parse_gop


class RandomAccess:
    """The frames of an open file.

    Frames are counted from 0 over the GOPs of the index. Blocks of a GOP are decoded from its first one up to the one
    that is needed, and are kept until a frame of another GOP is.
    """

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self._ends = list(accumulate(entry.frames for entry in reader.index))  # frames up to the end of each GOP
        self._number: int | None = None  # of the GOP that is kept
        self._gop: Gop | None = None
        self._frames: list[Frames] = []  # of the blocks of it that are decoded
        self._rest: Iterator[Frames] = iter(())

    def __len__(self) -> int:
        """Number of frames."""
        return self._ends[-1] if self._ends else 0

    def frames_at(self, model: TokenModel, numbers: Sequence[int]) -> Frames:
        """Return frames by their numbers, in the order given: uint8 (len(numbers), H, W, 3).

        Negative numbers count from the end. Raises UsageError for a number that is none, DamagedFile for a GOP that
        cannot be decoded, UnsupportedFile for another model.
        """
        count = len(self)
        wanted = [number + count if number < 0 else number for number in map(int, numbers)]
        for number, given in zip(wanted, numbers, strict=True):
            if not 0 <= number < count:
                raise UsageError(f"{self.reader.name}: there is no frame {given}; it has {count:,}, counted from 0")
        check_model(self.reader, model)
        check_size(self.reader.header, self.reader.name)
        width, height = self.reader.header.coded_size
        shown = np.empty((len(wanted), height, width, 3), np.uint8)
        for at in sorted(range(len(wanted)), key=lambda at: wanted[at]):  # each GOP once, and forwards
            shown[at] = self._frame(model, wanted[at])
        return shown

    def numbers_at(self, seconds: Sequence[float]) -> list[int]:
        """Return the number of the frame that a player shows at each time, in seconds from the first frame.

        Raises UsageError for a time before the first frame or after the end of the last one.
        """
        reader, header = self.reader, self.reader.header
        if not len(self):
            raise UsageError(f"{reader.name}: holds no frame")
        origin = reader.index[0].first_pts
        numbers = []
        for time in seconds:
            # Rounded to the nearest tick: 0.04 s is the second of 25 frames a second, although binary 0.04 is not 1/25.
            pts = origin + round(time / header.time_base) if time >= 0 else origin - 1
            gop = reader.gop_at(pts)
            times = self._read(gop).pts
            place = bisect_right(times.tolist(), pts) - 1
            if gop == len(reader.index) - 1 and place == len(times) - 1:
                step = int(times[-1] - times[-2]) if len(times) > 1 else 0
                end = header.video_end(int(times[-1]), step)
                place = place if pts < end else -1
            if place < 0:
                raise UsageError(f"{reader.name}: no frame is shown at {time:g} s; times count from the first frame")
            numbers.append(self._ends[gop] - len(times) + place)
        return numbers

    def _read(self, number: int) -> Gop:
        """The GOP, read and kept unless it is the one that is kept."""
        if self._gop is None or self._number != number:
            self._gop, self._frames, self._rest = self.reader.gop(number), [], iter(())
            self._number = number
        return self._gop

    def _frame(self, model: TokenModel, number: int) -> Frames:
        gop_number = bisect_right(self._ends, number)
        gop = self._read(gop_number)
        if not self._frames:
            self._rest = self._decoded(model, gop_number, gop)
        block, place = divmod(number - (self._ends[gop_number] - gop.frames), self.reader.header.block_frames)
        while len(self._frames) <= block:
            frames = next(self._rest, None)
            if frames is None:
                name = f"{self.reader.name}: {self.reader.gop_name(gop_number)}"
                raise DamagedFile(f"{name}: frame {number} cannot be decoded")
            self._frames.append(frames)
        frame: Frames = self._frames[block][place]
        return frame

    def _decoded(self, model: TokenModel, number: int, gop: Gop) -> Iterator[Frames]:
        decoder = GopDecoder(self.reader.header, model)
        for index, item in enumerate(parse_gop(GopTask.of(self.reader, number, gop), self.reader.header, model.tables)):
            if isinstance(item, ParsedBlock):
                yield decoder.decode(item, index).frames
