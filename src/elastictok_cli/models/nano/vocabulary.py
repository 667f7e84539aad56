"""A frame's decisions as integer tokens in order of importance, and the cut after the first N of them.

Only a decision that differs from its default is a token: a CTU that takes over its first merge candidate and has no
residual has none. Motion comes first, in raster order. Coefficients follow in stages: the first coefficient of every
CTU, the second of every CTU, and so on (within a CTU from low to high frequency, luma before chroma). In an intra frame
they follow CTU by CTU. A cut leaves the defaults.

    value               meaning
    0 .. 2047           coefficient: 8 * (16 * v + h) + class; 0..3 are -1, -2, -3, below; 4..7 are 1, 2, 3, above
    2048 .. 2559        after a class 3 or 7: magnitude - 4 in base 256, low digit first, + 256 if another digit follows
    2560                the luma coefficients of this CTU are of four 8x8 transforms (v, h count through all four)
    2561                the CTU is split into four blocks of 8x8
    2562 .. 2576        the CTU is intra, with mode 0 .. 14
    2577 .. 2582        the vector is merge candidate 0 .. 5 (0 is the default and never listed)
    2583 .. 2585        a new vector into reference 0, reference 1, both; its components follow
    2586                the CTU is predicted without overlap with its neighbours' vectors (no_obmc)
    2600 .. 3623        component + 512, in quarter pixels
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ...jit import compiled
from .syntax.motion import fill_mv, has_no_obmc_flag, inherit_mv
from .syntax.motion_vectors import MERGE_FLAG, MV_FIELDS, PRED_BI, PRED_FLAGS, merge_list, predicts_same
from .syntax.residual import DIAGONAL_H, DIAGONAL_N, DIAGONAL_V

VOCABULARY = 4096
DIGIT, TX_8X8, SPLIT, INTRA, MERGE, NEW, NO_OBMC, COMPONENT = 2048, 2560, 2561, 2562, 2577, 2582, 2586, 2600
NO_BUDGET = 1 << 60  # a budget that is never reached


class TokenList(NamedTuple):
    """Where tokens are written. Both arrays are as long as the budget, or as all tokens if there is no budget.

    values: uint16, see the table above. places: uint32, see BlockTokens.places.
    """

    values: npt.NDArray[np.uint16]
    places: npt.NDArray[np.uint32]


@compiled
def _emit(listing, n, budget, value, place):
    """Write token n if it is within the budget. Returns n + 1."""
    if n < budget:
        listing.values[n] = value
        listing.places[n] = place
    return n + 1


@compiled
def list_motion(refs, tokens, listing, n, budget, first_place):
    """List the motion tokens of a frame from position n on. Decisions beyond `budget` become the default in `tokens`.

    refs: FrameRefs. tokens: FrameTokens. listing: TokenList. first_place: the place of the frame's first CTU.
    Returns the new n, which never passes the budget, and the budget of the tokens that follow: none after a cut.
    """
    split, intra_mode, mv, no_obmc, layer = tokens.split, tokens.intra_mode, tokens.mv, tokens.no_obmc, refs.layer
    rows, columns = split.shape
    m = np.zeros(MV_FIELDS, np.int64)
    candidates = np.zeros((8, MV_FIELDS), np.int64)
    coded_mv = np.zeros(mv.shape, np.int16)
    full = False
    for ctu_y in range(rows):
        for ctu_x in range(columns):
            place = first_place + ctu_y * columns + ctu_x
            if layer == 0:
                if full or (intra_mode[ctu_y, ctu_x] and n + 1 > budget):
                    full = True
                    intra_mode[ctu_y, ctu_x] = 0
                elif intra_mode[ctu_y, ctu_x]:
                    n = _emit(listing, n, budget, INTRA + np.int64(intra_mode[ctu_y, ctu_x]), place)
                continue
            x8, y8 = 2 * ctu_x, 2 * ctu_y
            if intra_mode[ctu_y, ctu_x] >= 0:
                if not full and n + 1 <= budget:
                    n = _emit(listing, n, budget, INTRA + np.int64(intra_mode[ctu_y, ctu_x]), place)
                    inherit_mv(coded_mv, refs, x8, y8, m, candidates)
                    fill_mv(coded_mv, x8, y8, 2, m)
                    continue
                full = True
                intra_mode[ctu_y, ctu_x] = -1
                split[ctu_y, ctu_x] = 0
            if split[ctu_y, ctu_x]:
                if full or n + 1 > budget:
                    full = True
                    split[ctu_y, ctu_x] = 0
                else:
                    n = _emit(listing, n, budget, SPLIT, place)
            w8 = 1 if split[ctu_y, ctu_x] else 2
            for k in range(4 if w8 == 1 else 1):
                x, y = x8 + (k & 1), y8 + (k >> 1)
                count = merge_list(coded_mv, refs, x, y, w8, candidates)
                index = -1
                for i in range(count):
                    if predicts_same(candidates[i], mv[y, x]):
                        index = i
                        break
                flags = np.int64(mv[y, x, PRED_FLAGS])
                need = 0 if index == 0 else (1 if index > 0 else (5 if flags == PRED_BI else 3))
                if full or n + need > budget:
                    full = True
                    index = 0
                    need = 0
                if index >= 0:
                    for j in range(5):
                        m[j] = candidates[index, j]
                    m[MERGE_FLAG] = 1
                    if index > 0:
                        n = _emit(listing, n, budget, MERGE + index, place)
                else:
                    for j in range(MV_FIELDS):
                        m[j] = mv[y, x, j]
                    n = _emit(listing, n, budget, NEW + flags, place)
                    for j in range(4):
                        if flags & (1 << (j >> 1)):
                            n = _emit(listing, n, budget, COMPONENT + 512 + m[j], place)
                fill_mv(coded_mv, x, y, w8, m)
    if layer:
        mv[:] = coded_mv
    for ctu_y in range(rows):
        for ctu_x in range(columns):
            if not has_no_obmc_flag(layer, intra_mode, mv, ctu_y, ctu_x):
                no_obmc[ctu_y, ctu_x] = 0
            elif no_obmc[ctu_y, ctu_x] and (full or n + 1 > budget):
                full = True
                no_obmc[ctu_y, ctu_x] = 0
            elif no_obmc[ctu_y, ctu_x]:
                n = _emit(listing, n, budget, NO_OBMC, first_place + ctu_y * columns + ctu_x)
    return n, (n if full else budget)


@compiled
def _next_coefficient(levels, y0, x0, start):
    """The next non-zero coefficient of a CTU at scan position `start` or later: its position, -1 if there is none.

    Scan: diagonal, then plane, then place on the diagonal. Position: (diagonal * 3 + plane) * 16 + k.
    """
    d, rest = start // 48, start % 48
    plane, k = rest // 16, rest % 16
    while d < 31:
        while plane < 3:
            while k < DIAGONAL_N[0, d]:
                if levels[plane, y0 + DIAGONAL_V[0, d, k], x0 + DIAGONAL_H[0, d, k]] != 0:
                    return (d * 3 + plane) * 16 + k
                k += 1
            k = 0
            plane += 1
        plane = 0
        d += 1
    return -1


@compiled
def _list_coefficient(tokens, listing, n, budget, first_place, ctu_y, ctu_x, position, tx_listed):
    """List one coefficient of a CTU, or make it zero where it does not fit. Returns n, and whether it did not fit.

    position: see `_next_coefficient`. tx_listed: bool per CTU, its transform size is listed already.
    """
    tx_8x8, levels = tokens.tx_8x8, tokens.levels
    rows, columns = tx_8x8.shape
    d, plane, k = position // 48, (position % 48) // 16, position % 16
    v, h = DIAGONAL_V[0, d, k], DIAGONAL_H[0, d, k]
    level = np.int64(levels[plane, 16 * ctu_y + v, 16 * ctu_x + h])
    magnitude = abs(level)
    list_tx = plane == 0 and tx_8x8[ctu_y, ctu_x] != 0 and not tx_listed[ctu_y, ctu_x]
    need = 1 + (1 if list_tx else 0)
    rest = magnitude - 4
    if rest >= 0:
        need += 1
        while rest >= 256:
            need += 1
            rest >>= 8
    if n + need > budget:
        levels[plane, 16 * ctu_y + v, 16 * ctu_x + h] = 0
        return n, True
    place = first_place + (plane * rows + ctu_y) * columns + ctu_x
    if list_tx:
        tx_listed[ctu_y, ctu_x] = True
        n = _emit(listing, n, budget, TX_8X8, place)
    magnitude_class = (3 if magnitude > 3 else magnitude - 1) + (4 if level > 0 else 0)
    n = _emit(listing, n, budget, 8 * (16 * v + h) + magnitude_class, place)
    if magnitude >= 4:
        rest = magnitude - 4
        while rest >= 256:
            n = _emit(listing, n, budget, DIGIT + 256 + (rest & 255), place)
            rest >>= 8
        n = _emit(listing, n, budget, DIGIT + rest, place)
    return n, False


@compiled
def list_coefficients(refs, tokens, listing, n, budget, first_place):
    """List the coefficient tokens of a frame. Those beyond `budget` become zero. Arguments and result: `list_motion`.

    In stages, but CTU by CTU in an intra frame: there a CTU is predicted from its neighbours, and an incomplete one
    would pass its error on.
    """
    tx_8x8, levels = tokens.tx_8x8, tokens.levels
    rows, columns = tx_8x8.shape
    at = np.zeros((rows, columns), np.int64)
    tx_listed = np.zeros((rows, columns), np.bool_)  # the transform size is listed before the first luma coefficient
    any_left = True
    full = False
    while any_left:
        any_left = False
        for ctu_y in range(rows):
            for ctu_x in range(columns):
                while at[ctu_y, ctu_x] >= 0:
                    position = _next_coefficient(levels, 16 * ctu_y, 16 * ctu_x, at[ctu_y, ctu_x])
                    if position < 0:
                        at[ctu_y, ctu_x] = -1
                        break
                    any_left = True
                    at[ctu_y, ctu_x] = position + 1
                    left = -1 if full else budget  # after the first one that does not fit, none does
                    n, full = _list_coefficient(
                        tokens, listing, n, left, first_place, ctu_y, ctu_x, position, tx_listed
                    )
                    if refs.layer:
                        break
    if full:
        for ctu_y in range(rows):
            for ctu_x in range(columns):
                if tx_8x8[ctu_y, ctu_x] and not np.any(
                    levels[0, 16 * ctu_y : 16 * ctu_y + 16, 16 * ctu_x : 16 * ctu_x + 16]
                ):
                    tx_8x8[ctu_y, ctu_x] = 0
    return n, (n if full else budget)
