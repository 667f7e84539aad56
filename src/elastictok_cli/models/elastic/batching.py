"""Several tiles in one pass of a network: which may go together, and their caches joined and split again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

from .layers import KvCache

# Values of the widest activation of one pass, over all its tiles. More would not be faster, and a layer holds a dozen
# such activations at once: 200 MB on a CPU, 3 GB on a GPU.
MAX_VALUES, MAX_VALUES_GPU = 1 << 22, 1 << 26

Pass = Callable[[Tensor, Tensor | None, KvCache | None], tuple[Tensor, KvCache]]


def in_batches(
    network: Pass, inputs: Sequence[Tensor], masks: Sequence[Tensor] | None, pasts: Sequence[KvCache | None]
) -> list[tuple[Tensor, KvCache]]:
    """Pass each input, (1, tokens, width), through a network, as many as fit together.

    network: called with inputs, masks and caches joined along their first axis. pasts: one cache per input; those of
    one length go together. Returns for each input its output and its new keys and values, as a pass of its own would.
    """
    results: dict[int, tuple[Tensor, KvCache]] = {}
    for batch in _batches(inputs, pasts):
        joined = torch.cat([inputs[i] for i in batch]) if len(batch) > 1 else inputs[batch[0]]
        mask = None if masks is None else torch.cat([masks[i] for i in batch])
        output, new = network(joined, mask, _joined([pasts[i] for i in batch]))
        for row, number in enumerate(batch):
            results[number] = (output[row : row + 1], _row(new, row, len(batch)))
    return [results[number] for number in range(len(inputs))]


def _batches(inputs: Sequence[Tensor], pasts: Sequence[KvCache | None]) -> Iterator[list[int]]:
    by_length: dict[int, list[int]] = {}
    for number, past in enumerate(pasts):
        by_length.setdefault(0 if past is None else past[0][0].shape[2], []).append(number)
    for numbers in by_length.values():
        first = inputs[numbers[0]]
        size = max(1, (MAX_VALUES_GPU if first.is_cuda else MAX_VALUES) // first[0].numel())
        for at in range(0, len(numbers), size):
            yield numbers[at : at + size]


def _joined(pasts: Sequence[KvCache | None]) -> KvCache | None:
    """Caches of one length along the first axis."""
    caches = [past for past in pasts if past is not None]
    if len(caches) < 2:
        return caches[0] if caches else None
    return tuple(
        (torch.cat([keys for keys, _ in layer]), torch.cat([values for _, values in layer]))
        for layer in zip(*caches, strict=True)
    )


def _row(cache: KvCache, row: int, rows: int) -> KvCache:
    """The cache of one input: a copy, because a view would keep those of all the others in memory."""
    if rows == 1:
        return cache
    return tuple((keys[row : row + 1].clone(), values[row : row + 1].clone()) for keys, values in cache)
