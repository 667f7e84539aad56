"""How hard the encoder searches: three points on the curve of bytes against time.

Bits here are costs over lambda, so a threshold means the same at every step. They were chosen by what a rule leaves out
and costs on eight training clips at 0.007 and 0.003.
"""

from __future__ import annotations

from typing import NamedTuple


class Effort(NamedTuple):
    """Thresholds of mode decision."""

    # A block is split only if a quarter of its luma prediction has more than this error, in bits, by size 16, 32, 64.
    skipped: tuple[float, float, float]
    uncoded: tuple[float, float, float]
    coded: tuple[float, float, float]
    intra: tuple[float, float, float]
    # No motion is searched if a merge candidate is estimated to cost less than this, by size 8, 16, 32, 64.
    search: tuple[float, float, float, float]
    # A vector found is estimated only if its absolute differences are within this factor of the best so far.
    vector_within: float
    intra_from: float  # bits of the inter block from which intra is tried
    intra_within: float  # factor over the inter block's estimate within which an intra mode is coded in full
    refine: int  # rounds of quarter-pixel steps for pairs of vectors


EFFORTS = {
    "best": Effort(
        skipped=(0.0, 0.0, 0.0), uncoded=(0.0, 0.0, 0.0), coded=(0.0, 0.0, 0.0), intra=(0.0, 0.0, 0.0),
        search=(8.0, 8.0, 8.0, 8.0), vector_within=1e9, intra_from=12.0, intra_within=1.3, refine=2,
    ),
    "default": Effort(
        skipped=(16.0, 25.0, 60.0), uncoded=(12.0, 16.0, 40.0), coded=(12.0, 20.0, 30.0), intra=(10.0, 20.0, 0.0),
        search=(8.0, 10.0, 12.0, 20.0), vector_within=1.3, intra_from=12.0, intra_within=1.3, refine=2,
    ),
    "fast": Effort(
        skipped=(60.0, 100.0, 200.0), uncoded=(40.0, 70.0, 100.0), coded=(40.0, 70.0, 100.0), intra=(60.0, 60.0, 60.0),
        search=(16.0, 20.0, 30.0, 60.0), vector_within=1.0, intra_from=25.0, intra_within=1.0, refine=1,
    ),
}  # fmt: skip
