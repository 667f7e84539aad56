"""The layout of the table of adaptive contexts: where the contexts of each syntax element start (nano/3).

The comment behind each name lists the indexes that select a context inside its group. Temporal layers: 0 intra frame,
1 anchor, 2 and 3 middle frames, 4 frames that no other frame refers to (gop_structure.py). Planes: 0 luma by one 16x16
transform, 1 luma by four 8x8 transforms, 2 and 3 the two chroma planes.
"""

from __future__ import annotations

LAYERS = 5
PLANES = 4

SPLIT = 0  # [layer][split neighbours 0..2]
INTRA = SPLIT + LAYERS * 3  # [layer][intra neighbours 0..2]
INTRA_SAME = INTRA + LAYERS * 3  # [0 left and above agree, 1 they differ: is it the left one; 2: is it the one above]
INTRA_MODE = INTRA_SAME + 3  # 4-bit tree
MERGE = INTRA_MODE + 16  # [layer][8x8?][merged neighbours 0..2]
MERGE_INDEX = MERGE + LAYERS * 2 * 3  # [layer][8x8?][position]
PRED_DIRECTION = MERGE_INDEX + LAYERS * 2 * 8  # [layer][8x8?][0..2 is it bi-prediction; 4..6 which list; by neighbours]
MVD = PRED_DIRECTION + LAYERS * 2 * 8  # [layer][x, y, x of list 1, y of list 1][zero?, prefix .., first suffix bit ..]
MVD_SIZE = 40
CODED_BLOCK_FLAG = MVD + LAYERS * 4 * MVD_SIZE  # [plane][layer][coded neighbours 0..2][activity][other plane coded]
TX_8X8 = CODED_BLOCK_FLAG + PLANES * LAYERS * 3 * 4 * 2  # [layer][8x8 neighbours 0..2]
LAST = TX_8X8 + LAYERS * 3  # [plane][layer][activity] 5-bit tree of the last diagonal
SIGNIFICANT = LAST + PLANES * LAYERS * 4 * 32  # [plane][layer][diagonal class][sum class][magnitude of neighbours]
GREATER1 = SIGNIFICANT + PLANES * LAYERS * 9 * 7 * 3  # [plane][inter?][diagonal][sum]
GREATER2 = GREATER1 + PLANES * 2 * 3 * 6
REMAINDER = GREATER2 + PLANES * 2 * 3 * 6  # [plane][prefix position]
NO_OBMC = REMAINDER + PLANES * 20  # [layer][the last flag][neighbours 0..2 that have it set]
COUNT = NO_OBMC + LAYERS * 2 * 3
