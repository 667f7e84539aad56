"""Whether a video is the one that a file was made from: the first frames of a few blocks, compared.

Equal times do not show it: most videos of one camera or one site have the same frame times.
"""

from __future__ import annotations

import math

from ..errors import InputError
from ..metrics import Pixels, block_mse, psnr_db

CHECKED_BLOCKS = 8  # a shared opening title is rarely longer
# How far the first frame of a block may be from its source: a frame has at most about twice the error of its block,
# and a source that was compressed once more or scaled by another filter is still within the margin.
MAX_RATIO, MARGIN = 4.0, 0.05  # 0.05 is 19 dB; two videos of different things are mostly below 15


class SourceCheck:
    """Compares the first blocks of one file with its source.

    name, source_name: of the .etok file and of the video, for the message.
    """

    def __init__(self, name: str, source_name: str) -> None:
        self.name, self.source_name = name, source_name
        self._checked = 0

    def block(self, decoded: Pixels, source: Pixels, *, frame: int, stored_mse: float) -> None:
        """Compare one frame of a block; call it once per block, with the first one that is at hand.

        decoded, source: uint8 (height, width, 3), of one size. frame: its number, for the message. stored_mse: of the
        block, as the file has it; NaN (not measured) is no reason to refuse. Does nothing after CHECKED_BLOCKS blocks.
        Raises InputError if the source is another video.
        """
        if self._checked == CHECKED_BLOCKS or math.isnan(stored_mse):
            return
        self._checked += 1
        mse = block_mse(decoded, source)
        if mse > MAX_RATIO * stored_mse + MARGIN:
            where = f"{psnr_db(mse):.1f} dB at frame {frame}"
            raise InputError(f"{self.source_name}: this is not what {self.name} was made from: {where}")
