"""Tokens for training: shards written by `elastictok pack`, read as batches with `TokenDataset`.

    from elastictok_cli.data import TokenDataset

    for batch in TokenDataset("shards/", tokens_per_batch=65536, seed=1): ...       # numpy
    loader = torch.utils.data.DataLoader(TokenDataset("shards/"), batch_size=None, num_workers=4)

docs/tokens.md has what is in a batch. With torch installed `TokenDataset` is an IterableDataset of torch's;
`TokenBatches` is the same and never loads torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .batches import TokenBatches
from .sequence import Vocabulary
from .shards import Index, ShardWriter, read_index

if TYPE_CHECKING:
    from .dataset import TokenDataset

__all__ = ["Index", "ShardWriter", "TokenBatches", "TokenDataset", "Vocabulary", "read_index"]


def __getattr__(name: str) -> Any:
    if name != "TokenDataset":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        from .dataset import TokenDataset
    except ImportError:  # no torch
        return TokenBatches
    return TokenDataset
