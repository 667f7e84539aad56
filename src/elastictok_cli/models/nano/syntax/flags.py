"""The flags of a coding block: split, skip, intra, merge, intra mode, transform split, coded block flags."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ....entropy.mixing import code
from ....jit import compiled_inner
from . import contexts as cx
from .cells import CODED, INFO, IS_INTRA, KNOWN, MERGED, SKIPPED, TSPLIT, USES, Cells
from .cells import MODE as INTRA_MODE

INTRA_MODES = 35
PLANAR, DC = 0, 1


class FrameContext(NamedTuple):
    """What the syntax of one frame looks at outside it. cells0, cells1: of its references."""

    kind: int
    two: bool
    d0: int
    d1: int
    half: int  # chroma planes: 1 half size, 0 full size
    quality: int
    temporal: npt.NDArray[np.int16]
    cells0: Cells
    cells1: Cells


@compiled_inner
def left_info(cells, by, bx):
    """What is known of the block left of an 8x8 block: 0 beyond the picture."""
    return np.int64(cells[by, bx - 1, INFO]) if bx > 0 else np.int64(0)


@compiled_inner
def above_info(cells, by, bx):
    """What is known of the block above an 8x8 block: 0 beyond the picture."""
    return np.int64(cells[by - 1, bx, INFO]) if by > 0 else np.int64(0)


@compiled_inner
def _centre(cells, by, bx, level):
    w = (1 << level) >> 1
    return np.int64(cells[min(by + w, cells.shape[0] - 1), min(bx + w, cells.shape[1] - 1), INFO])


@compiled_inner
def _flag3(info, flag):
    """0 unknown, 1 not set, 2 set."""
    return 0 if not info & KNOWN else (2 if info & flag else 1)


@compiled_inner
def _deeper(info, level):
    """0 unknown or larger, 1 the same size, 2 smaller."""
    if not info & KNOWN:
        return 0
    other = info >> 4
    return 2 if other < level else (1 if other == level else 0)


@compiled_inner
def code_split(coder, frame, cells, by, bx, level, bit):
    """Whether a block of size 8 << level (1..3) is split into four."""
    left, above = left_info(cells, by, bx), above_info(cells, by, bx)
    c0, c1 = _centre(frame.cells0, by, bx, level), _centre(frame.cells1, by, bx, level)
    relation_l, relation_a = _deeper(left, level), _deeper(above, level)
    deeper = (1 if relation_l == 2 else 0) + (1 if relation_a == 2 else 0)
    at, kind = level - 1, frame.kind
    x = coder.active
    x[0] = cx.SPLIT0 + (at * cx.KINDS + kind) * 9 + relation_l * 3 + relation_a
    x[1] = cx.SPLIT1 + (at * cx.KINDS + kind) * 16 + (c0 >> 4) * 4 + (c1 >> 4)
    size_l, size_a = (left >> 4) if left & KNOWN else 4, (above >> 4) if above & KNOWN else 4
    x[2] = cx.SPLIT2 + (at * 2 + (1 if kind else 0)) * 25 + size_l * 5 + size_a
    x[3] = cx.SPLIT3 + ((at * cx.QUALITIES + frame.quality) * 2 + (1 if kind else 0)) * 3 + deeper
    skips = (left & SKIPPED) * 2 + (above & SKIPPED)
    corner = np.int64(cells[by - 1, bx - 1, INFO]) if by > 0 and bx > 0 else np.int64(0)
    x[4] = cx.SPLIT4 + ((at * cx.KINDS + kind) * 4 + skips) * 3 + _deeper(corner, level)
    return code(coder, cx.W_SPLIT + at, np.int64(5), bit)


@compiled_inner
def code_skip(coder, frame, cells, by, bx, level, n, bit):
    """Whether a block is merged and has no coefficients. n: merge candidates."""
    left, above = left_info(cells, by, bx), above_info(cells, by, bx)
    l3, a3 = _flag3(left, SKIPPED), _flag3(above, SKIPPED)
    count = (left & SKIPPED) + (above & SKIPPED)
    c = (_centre(frame.cells0, by, bx, level) & SKIPPED) * 2 + (_centre(frame.cells1, by, bx, level) & SKIPPED)
    kind, x = frame.kind, coder.active
    x[0] = cx.SKIP0 + (level * cx.KINDS + kind) * 9 + l3 * 3 + a3
    x[1] = cx.SKIP1 + (level * cx.KINDS + kind) * 12 + c * 3 + count
    x[2] = cx.SKIP2 + (level * cx.QUALITIES + frame.quality) * 3 + count
    x[3] = cx.SKIP3 + kind * 27 + (_deeper(left, level) * 3 + _deeper(above, level)) * 3 + count
    x[4] = cx.SKIP4 + (kind * 8 + n) * 4 + level
    return code(coder, cx.W_SKIP + level, np.int64(5), bit)


@compiled_inner
def code_intra_flag(coder, frame, cells, by, bx, level, bit):
    """Whether a block of a predicted frame is intra."""
    left, above = _flag3(left_info(cells, by, bx), IS_INTRA), _flag3(above_info(cells, by, bx), IS_INTRA)
    c = _flag3(_centre(frame.cells0, by, bx, level), IS_INTRA)
    x = coder.active
    x[0] = cx.INTRA0 + frame.kind * 4 + level
    x[1] = cx.INTRA1 + (left * 3 + above) * 3 + c
    x[2] = cx.INTRA2 + frame.kind * 3 + left // 2 + above // 2
    return code(coder, cx.W_INTRA, np.int64(3), bit)


@compiled_inner
def code_merge_flag(coder, frame, cells, by, bx, level, n, bit):
    """Whether a block that is not skipped takes over a vector."""
    left = 0 if bx == 0 or cells[by, bx - 1, USES] == 0 else 1 + np.int64(cells[by, bx - 1, MERGED])
    above = 0 if by == 0 or cells[by - 1, bx, USES] == 0 else 1 + np.int64(cells[by - 1, bx, MERGED])
    x = coder.active
    x[0] = cx.MERGE0 + frame.kind * 4 + level
    x[1] = cx.MERGE1 + frame.kind * 8 + n
    x[2] = cx.MERGE2 + frame.kind * 9 + left * 3 + above
    return code(coder, cx.W_MERGE, np.int64(3), bit)


@compiled_inner
def mode_class(mode):
    """1 planar or DC, 2 about horizontal, 3 about vertical, 4 diagonal; 0 inter."""
    if mode < 0:
        return 0
    if mode < 2:
        return 1
    if 6 <= mode <= 14:
        return 2
    return 3 if 22 <= mode <= 30 else 4


@compiled_inner
def probable_modes(cells, by, bx, out):
    """Three modes that the neighbours make likely, into out (3,)."""
    left = np.int64(cells[by, bx - 1, INTRA_MODE]) if bx > 0 else np.int64(-1)
    above = np.int64(cells[by - 1, bx, INTRA_MODE]) if by > 0 else np.int64(-1)
    left, above = max(left, DC) if left != PLANAR else left, max(above, DC) if above != PLANAR else above
    if left == above:
        if left < 2:
            out[0], out[1], out[2] = PLANAR, DC, 26
        else:
            out[0], out[1], out[2] = left, 2 + (left + 29) % 32, 2 + (left - 1) % 32
        return
    out[0], out[1] = left, above
    if left != PLANAR and above != PLANAR:
        out[2] = PLANAR
    elif left != DC and above != DC:
        out[2] = DC
    else:
        out[2] = 26


@compiled_inner
def code_intra_mode(coder, cells, by, bx, level, probable, value):
    """An intra mode: one of three probable ones or a number of 6 bits. probable: scratch (3,)."""
    probable_modes(cells, by, bx, probable)
    left = mode_class(np.int64(cells[by, bx - 1, INTRA_MODE])) if bx > 0 else 0
    above = mode_class(np.int64(cells[by - 1, bx, INTRA_MODE])) if by > 0 else 0
    near = min(left, 2) * 3 + min(above, 2)
    x = coder.active
    for i in range(3):
        x[0] = cx.INTRA_MODE0 + i * 2 + (1 if probable[0] > 1 else 0)
        x[1] = cx.INTRA_MODE1 + i * 4 + level
        x[2] = cx.INTRA_MODE2 + i * 9 + near
        if code(coder, cx.W_INTRA_MODE + i, np.int64(3), np.int64(1 if probable[i] == value else 0)):
            return probable[i]
    node = np.int64(1)
    for k in range(5, -1, -1):
        x[0] = cx.INTRA_TREE0 + node
        x[1] = cx.INTRA_TREE1 + node * 4 + level
        node = 2 * node + code(coder, cx.W_INTRA_TREE, np.int64(2), np.int64((value >> k) & 1))
    return min(node - 64, INTRA_MODES - 1)


@compiled_inner
def code_tsplit(coder, frame, cells, by, bx, level, intra, bit):
    """Whether the luma transform is split into four."""
    left = 0 if bx == 0 else 1 + np.int64(cells[by, bx - 1, TSPLIT])
    above = 0 if by == 0 else 1 + np.int64(cells[by - 1, bx, TSPLIT])
    x = coder.active
    x[0] = cx.TSPLIT0 + (level * cx.KINDS + frame.kind) * 2 + intra
    x[1] = cx.TSPLIT1 + level * cx.QUALITIES + frame.quality
    x[2] = cx.TSPLIT2 + left * 3 + above
    return code(coder, cx.W_TSPLIT, np.int64(3), bit)


@compiled_inner
def code_cbf(coder, frame, cells, by, bx, plane, t, intra, before, bit):
    """Code whether a transform block has coefficients.

    before: in luma, how many coded ones are before it in its coding block (at most 3); in chroma, whether luma has any,
    plus 2 if the first chroma plane has.
    """
    left, above = _flag3(left_info(cells, by, bx), CODED), _flag3(above_info(cells, by, bx), CODED)
    x = coder.active
    x[0] = cx.CBF0 + ((plane * 4 + t) * cx.KINDS + frame.kind) * 9 + left * 3 + above
    x[1] = cx.CBF1 + (plane * cx.KINDS + frame.kind) * cx.QUALITIES + frame.quality
    x[2] = cx.CBF2 + ((plane * 4 + t) * 3 + intra) * 4 + before
    return code(coder, cx.W_CBF + plane, np.int64(3), bit)
