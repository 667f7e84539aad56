"""Batches: every token once an epoch, the same for every number of workers, and from any point on again."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elastictok_cli.data import TokenBatches
from elastictok_cli.data.plan import batches
from elastictok_cli.errors import UsageError

from .conftest import CODES, counts, ids, tokens, write


def flat(batch: dict[str, Any]) -> list[tuple[int, int, bytes]]:
    """(sample, start, tokens) of every row."""
    rows = zip(batch["samples"], batch["starts"], batch["tokens"], batch["lengths"], strict=True)
    return [(int(n), int(s), np.asarray(t)[: int(c)].tobytes()) for n, s, t, c in rows]


def everything(dataset: TokenBatches) -> list[list[tuple[int, int, bytes]]]:
    return [flat(batch) for batch in dataset]


@pytest.mark.parametrize("shuffle", [True, False])
def test_every_id_comes_once_and_padding_is_no_code(folder: Path, shuffle: bool) -> None:
    seen: dict[int, dict[int, np.ndarray[Any, Any]]] = {}
    for batch in TokenBatches(folder, tokens_per_batch=600, longest=130, shuffle=shuffle):
        rows, longest = batch["tokens"].shape
        assert rows * longest <= 600 and longest == batch["lengths"].max() <= 130
        assert np.array_equal(batch["mask"].sum(axis=1), batch["lengths"])
        assert (batch["tokens"][~batch["mask"]] == CODES.padding).all()
        assert (batch["tokens"][batch["mask"]] != CODES.padding).all()
        for row in range(rows):
            part = batch["tokens"][row][batch["mask"][row]]
            seen.setdefault(int(batch["samples"][row]), {})[int(batch["starts"][row])] = part
    for number in range(300):
        parts = seen.pop(number)
        assert np.array_equal(np.concatenate([parts[at] for at in sorted(parts)]), ids(number))
    assert not seen


def test_rows_are_cut_between_blocks_and_say_what_each_id_belongs_to(folder: Path) -> None:
    pieces = 0
    for batch in TokenBatches(folder, tokens_per_batch=600, longest=130):
        for row, (number, start, length) in enumerate(
            zip(batch["samples"], batch["starts"], batch["lengths"], strict=True)
        ):
            wanted, pieces = expected(int(number)), pieces + 1
            for name in ("block_ids", "tile_ids", "frame_ids", "positions"):
                assert batch[name][row, :length].tolist() == wanted[name][start : start + length], name
                assert not batch[name][row, length:].any()
            assert batch["tokens"][row, 0] == (CODES.begin_block if start else CODES.begin_clip)
            assert start == 0 or wanted["block_ids"][start - 1] < wanted["block_ids"][start]
            assert length == 1 or batch["tokens"][row, length - 1] == CODES.end_block
    assert pieces > 310


def expected(number: int) -> dict[str, list[int]]:
    """What a batch says about sample `number`, one id after the other."""
    found: dict[str, list[int]] = {name: [0] for name in ("block_ids", "tile_ids", "frame_ids", "positions")}
    for block, row in enumerate(counts(number).tolist()):
        for tile, count in enumerate(row):
            found["block_ids"] += [block] * (count + 2)
            found["tile_ids"] += [tile] * (count + 2)
            found["frame_ids"] += [4 * block] * (count + 2)
            found["positions"] += range(count + 2)
    return found


def test_vectors_come_without_special_ids(tmp_path: Path) -> None:
    write(tmp_path, 30, "vae")
    dataset = TokenBatches(tmp_path, tokens_per_batch=500, longest=150)
    for batch in dataset:
        for row, number in enumerate(batch["samples"].tolist()):
            start, length = int(batch["starts"][row]), int(batch["lengths"][row])
            assert np.array_equal(batch["tokens"][row, :length], tokens(number, "vae")[start : start + length])
            assert not batch["tokens"][row, length:].any()
            places = counts(number).reshape(-1)
            wanted = np.concatenate([np.arange(count) for count in places]) if len(places) else np.zeros(0)
            assert np.array_equal(batch["positions"][row, :length], wanted[start : start + length])
    assert TokenBatches(tmp_path).described(7)["number"] == 7


def test_a_block_that_does_not_fit_is_said_at_once(folder: Path) -> None:
    with pytest.raises(UsageError, match="a block has 1[0-9][0-9] ids; `longest` 64 must be as many or more"):
        TokenBatches(folder, longest=64)


def test_a_sequence_splits_into_the_codes_it_was_made_of() -> None:
    for number in range(50):
        values, found = CODES.split(ids(number))
        assert np.array_equal(values, tokens(number)) and np.array_equal(found, counts(number).reshape(-1))
        padded = [*ids(number)[1:], CODES.padding, CODES.padding]
        assert [each.tolist() for each in CODES.split(padded)] == [values.tolist(), found.tolist()]


@pytest.mark.parametrize(
    "sequence",
    [
        [CODES.begin_block, 5],
        [5, CODES.begin_block, 5, CODES.end_block],
        [CODES.begin_block, 5, CODES.end_block, 6],
        [CODES.begin_block, 5, CODES.begin_block, 6, CODES.end_block],
        [CODES.begin_block, CODES.begin_clip, CODES.end_block],
        [CODES.begin_block, CODES.padding, 5, CODES.end_block],
        [CODES.begin_block, -1, CODES.end_block],
        [CODES.begin_block, CODES.size, CODES.end_block],
        [CODES.end_block, CODES.begin_block],
    ],
)
def test_ids_that_are_no_blocks_are_refused(sequence: list[int]) -> None:
    with pytest.raises(UsageError, match="ids are not blocks of begin_block"):
        CODES.split(sequence)


def test_the_seed_and_the_epoch_decide_the_order(folder: Path) -> None:
    one = everything(TokenBatches(folder, seed=1, epochs=2, tokens_per_batch=900))
    assert one == everything(TokenBatches(folder, seed=1, epochs=2, tokens_per_batch=900))
    assert one != everything(TokenBatches(folder, seed=2, epochs=2, tokens_per_batch=900))
    half = len(everything(TokenBatches(folder, seed=1, tokens_per_batch=900)))
    assert one[:half] != one[half:]
    assert Counter(sum(one[:half], [])) == Counter(sum(one[half:], []))


@pytest.mark.parametrize("stop", [0, 5, 60])
def test_a_run_goes_on_from_any_batch(folder: Path, stop: int) -> None:
    whole = list(TokenBatches(folder, epochs=2, tokens_per_batch=900))
    rest = TokenBatches(folder, epochs=2, tokens_per_batch=900, state=whole[stop]["state"])
    assert everything(rest) == [flat(batch) for batch in whole[stop + 1 :]]


def test_ranks_share_the_batches_and_get_equally_many(folder: Path) -> None:
    whole = everything(TokenBatches(folder, tokens_per_batch=900))
    parts = [everything(TokenBatches(folder, tokens_per_batch=900, rank=rank, world=3)) for rank in range(3)]
    assert len({len(part) for part in parts}) == 1
    together = [batch for group in zip(*parts, strict=True) for batch in group]
    assert together == whole[: len(together)] and len(whole) - len(together) < 3


def test_an_epoch_without_a_batch_for_every_rank_does_not_go_on_for_ever(folder: Path) -> None:
    with pytest.raises(UsageError, match="an epoch has no batch for each of 10000 processes"):
        next(iter(TokenBatches(folder, tokens_per_batch=900, epochs=None, rank=0, world=10_000)))


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 2])
def test_torch_gets_the_same_batches_from_any_number_of_workers(folder: Path, workers: int) -> None:
    import torch
    from torch.utils.data import DataLoader, IterableDataset

    from elastictok_cli.data import TokenDataset

    dataset = TokenDataset(folder, tokens_per_batch=900, epochs=2)
    assert isinstance(dataset, IterableDataset)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's own about workers
        loaded = list(DataLoader(dataset, batch_size=None, num_workers=workers))
    assert isinstance(loaded[0]["tokens"], torch.Tensor) and loaded[0]["mask"].dtype == torch.bool
    assert [flat(batch) for batch in loaded] == everything(TokenBatches(folder, tokens_per_batch=900, epochs=2))
    again = TokenDataset(folder, tokens_per_batch=900, epochs=2, state=loaded[9]["state"])
    assert flat(next(iter(again))) == flat(loaded[10])


def test_plain_reading_loads_no_torch(folder: Path) -> None:
    script = "import sys; from elastictok_cli.data import TokenBatches; next(iter(TokenBatches(sys.argv[1])))"
    command = [sys.executable, "-c", f"{script}; print({{'torch', 'numba', 'av'}} & sys.modules.keys())", str(folder)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "set()\n"


@pytest.mark.parametrize("options", [{"tokens_per_batch": 0}, {"longest": 1 << 20}, {"rank": 2, "world": 2}])
def test_what_cannot_be_meant_is_refused(folder: Path, options: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        TokenBatches(folder, **options)  # type: ignore[arg-type]


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 60), max_size=12), max_size=300),
    st.integers(60, 300),
    st.integers(0, 3),
    st.booleans(),
)
def test_no_batch_is_over_its_budget_and_none_is_empty(
    lengths: list[list[int]], budget: int, seed: int, shuffle: bool
) -> None:
    shard = np.arange(len(lengths), dtype=np.int64) // 7
    blocks = [np.array(each, np.int64) for each in lengths]
    made = list(batches(shard, blocks, budget, max(60, budget // 2), seed, 0, shuffle))
    for pieces in made:
        assert pieces and len(pieces) * max(piece.count for piece in pieces) <= budget
        assert all(piece.count == blocks[piece.sample][piece.first_block :][: piece.blocks].sum() for piece in pieces)
    assert sum(piece.count for pieces in made for piece in pieces) == sum(map(sum, lengths))


def test_similar_lengths_are_batched_together(folder: Path) -> None:
    """Padding costs compute: less than a sixth here, a third would be without sorting."""
    places = used = 0
    for batch in TokenBatches(folder, tokens_per_batch=2000):
        places, used = places + batch["mask"].size, used + int(batch["lengths"].sum())
    assert used / places > 5 / 6
