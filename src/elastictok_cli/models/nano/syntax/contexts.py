"""Where each adaptive context of the nano grammar lives in the one table that the weights file starts (nano/3).

Names end in what selects the context inside the group. KINDS: 0 intra frame, 1 anchor, 2 and 3 middle frames of the
hierarchy, 4 leaves. PLANES: 0 luma by one 16x16 transform, 1 luma by four 8x8, 2 and 3 the two colour planes.
"""

from __future__ import annotations

KINDS = 5
PLANES = 4

SPLIT = 0  # [kind][split neighbours 0..2]
INTRA = SPLIT + KINDS * 3  # [kind][intra neighbours 0..2]
INTRA_SAME = INTRA + KINDS * 3  # [do left and above agree, or: is it the one above]
INTRA_MODE = INTRA_SAME + 3  # 4-bit tree
MERGE = INTRA_MODE + 16  # [kind][8x8?][merged neighbours 0..2]
MERGE_INDEX = MERGE + KINDS * 2 * 3  # [kind][8x8?][position]
DIRECTION = MERGE_INDEX + KINDS * 2 * 8  # [kind][8x8?][both? by neighbours 0..2, then: which one, by neighbours]
VECTOR = DIRECTION + KINDS * 2 * 8  # [kind][x, y, x of second, y of second][zero?, prefix.., first suffix bit..]
VECTOR_SIZE = 40
CODED = VECTOR + KINDS * 4 * VECTOR_SIZE  # [plane][kind][coded neighbours 0..2][activity][other plane coded]
EIGHT = CODED + PLANES * KINDS * 3 * 4 * 2  # [kind][8x8 neighbours 0..2]
LAST = EIGHT + KINDS * 3  # [plane][kind][activity] 5-bit tree of the last diagonal
SIGNIFICANT = LAST + PLANES * KINDS * 4 * 32  # [plane][kind][diagonal class][sum class][neighbour patches]
GREATER1 = SIGNIFICANT + PLANES * KINDS * 9 * 7 * 3  # [plane][inter?][diagonal][sum]
GREATER2 = GREATER1 + PLANES * 2 * 3 * 6
REST = GREATER2 + PLANES * 2 * 3 * 6  # [plane][prefix position]
ALONE = REST + PLANES * 20  # [kind][was the last one?][neighbours 0..2 that are]
COUNT = ALONE + KINDS * 2 * 3
