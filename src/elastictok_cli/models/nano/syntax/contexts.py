"""Where each context group lies in the tables that a weights file starts, and the weight sets of the mixer (nano/5)."""

from __future__ import annotations

KINDS = 5  # 0 intra frame, 1 anchor, 2 and 3 middle frames, 4 leaves
QUALITIES = 8  # classes of the quantiser index

_sizes = {
    "SPLIT": (3 * KINDS * 9, 3 * KINDS * 16, 3 * 2 * 25, 3 * QUALITIES * 2 * 3, 3 * KINDS * 12),
    "SKIP": (4 * KINDS * 9, 4 * KINDS * 12, 4 * QUALITIES * 3, KINDS * 27, KINDS * 8 * 4),
    "INTRA": (KINDS * 4, 27, KINDS * 3),
    "MERGE": (KINDS * 4, KINDS * 8, KINDS * 9),
    "MERGE_INDEX": (8 * KINDS * 4, 8 * 8 * 2, 8 * 8 * KINDS, 8 * 8 * 2),
    "DIRECTION": (2 * KINDS * 4, 2 * 9, 2 * KINDS * 3),
    "MVD": (KINDS * 4 * 40, 4 * 4 * 40, 4 * 40),
    "INTRA_MODE": (3 * 2, 3 * 4, 3 * 9),
    "INTRA_TREE": (64, 64 * 4),
    "CHROMA_MODE": (4, 9, 4),
    "TSPLIT": (4 * KINDS * 2, 4 * QUALITIES, 9),
    "CBF": (3 * 4 * KINDS * 9, 3 * KINDS * QUALITIES, 3 * 4 * 3 * 4),
    "LAST": (3 * 4 * 8 * 2, 2 * 4 * 8 * QUALITIES, 4 * 8 * KINDS),
    "LAST_REST": (4 * 6 * 16, 2 * 6 * 16),
    "SIG": (2 * 4 * 9 * 7, 2 * 4 * 64 * 3, KINDS * 3 * 9 * 7, QUALITIES * 4 * 2 * 9 * 4, 5 * 16 * 3 * 4, 8 * 16 * 4),
    "GREATER": (2 * 2 * 3 * 6, 2 * 4 * 16 * 4, 2 * QUALITIES * KINDS * 4),
    "REST": (3 * 20, QUALITIES * 20),
    "OFFSET": (KINDS * 3 * 8, 7 * 8),
}

BASES: dict[str, list[int]] = {}
COUNT = 0
for _name, _groups in _sizes.items():
    BASES[_name] = []
    for _size in _groups:
        BASES[_name].append(COUNT)
        COUNT += _size

SPLIT0, SPLIT1, SPLIT2, SPLIT3, SPLIT4 = BASES["SPLIT"]
SKIP0, SKIP1, SKIP2, SKIP3, SKIP4 = BASES["SKIP"]
INTRA0, INTRA1, INTRA2 = BASES["INTRA"]
MERGE0, MERGE1, MERGE2 = BASES["MERGE"]
MERGE_INDEX0, MERGE_INDEX1, MERGE_INDEX2, MERGE_INDEX3 = BASES["MERGE_INDEX"]
DIRECTION0, DIRECTION1, DIRECTION2 = BASES["DIRECTION"]
MVD0, MVD1, MVD2 = BASES["MVD"]
INTRA_MODE0, INTRA_MODE1, INTRA_MODE2 = BASES["INTRA_MODE"]
INTRA_TREE0, INTRA_TREE1 = BASES["INTRA_TREE"]
CHROMA_MODE0, CHROMA_MODE1, CHROMA_MODE2 = BASES["CHROMA_MODE"]
TSPLIT0, TSPLIT1, TSPLIT2 = BASES["TSPLIT"]
CBF0, CBF1, CBF2 = BASES["CBF"]
LAST0, LAST1, LAST2 = BASES["LAST"]
LAST_REST0, LAST_REST1 = BASES["LAST_REST"]
SIG0, SIG1, SIG2, SIG3, SIG4, SIG5 = BASES["SIG"]
GREATER0, GREATER1, GREATER2 = BASES["GREATER"]
REST0, REST1 = BASES["REST"]
OFFSET0, OFFSET1 = BASES["OFFSET"]

# weight sets
_next = 0
W_SPLIT = 0  # [level]
W_SKIP = W_SPLIT + 3  # [level]
W_INTRA = W_SKIP + 4
W_MERGE = W_INTRA + 1
W_MERGE_INDEX = W_MERGE + 1  # [position]
W_DIRECTION = W_MERGE_INDEX + 8
W_MVD = W_DIRECTION + 2  # [zero, sign, prefix, suffix]
W_INTRA_MODE = W_MVD + 4
W_INTRA_TREE = W_INTRA_MODE + 3
W_CHROMA_MODE = W_INTRA_TREE + 1
W_TSPLIT = W_CHROMA_MODE + 1
W_CBF = W_TSPLIT + 1  # [plane]
W_LAST = W_CBF + 3  # [chroma]
W_LAST_REST = W_LAST + 2
W_SIG = W_LAST_REST + 1  # [chroma][size]
W_GREATER = W_SIG + 8  # [1, 2]
W_REST = W_GREATER + 2
W_OFFSET = W_REST + 1  # [zero, sign, more]
SETS = W_OFFSET + 3
