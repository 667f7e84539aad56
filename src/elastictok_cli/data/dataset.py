"""The same batches as an IterableDataset of torch's."""

from __future__ import annotations

from collections.abc import Iterator

from torch.utils.data import IterableDataset, get_worker_info

from .batches import Batch, TokenBatches


class TokenDataset(TokenBatches, IterableDataset[Batch]):
    """`TokenBatches` for torch: DataLoader(dataset, batch_size=None, num_workers=N).

    Arguments, batches and errors are those of `TokenBatches`. The loader makes tensors of the arrays, of the same
    shapes and dtypes. Its workers take the batches in turns, so their order is the same for every N.
    """

    def __iter__(self) -> Iterator[Batch]:
        info = get_worker_info()
        return self.of_worker(0, 1) if info is None else self.of_worker(info.id, info.num_workers)
