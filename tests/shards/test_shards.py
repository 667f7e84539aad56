"""Shards are what webdataset reads, and the index finds every sample in them."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from elastictok_cli.data import TokenBatches, Vocabulary, read_index
from elastictok_cli.data.shards import Index
from elastictok_cli.errors import DamagedFile, InputError, OutputError, UsageError

from .conftest import CODES, counts, ids, tokens, write

Shards = Callable[..., Index]


@pytest.mark.parametrize("kind", ["fsq", "vae"])
def test_webdataset_reads_them_unchanged(kind: str, tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, at import
        import webdataset

        index = write(tmp_path, 40, kind)
        urls = [str(tmp_path / name) for name in index.names]
        assert len(urls) > 1
        read = list(webdataset.WebDataset(urls, shardshuffle=False).decode())
    assert [sample["json"]["number"] for sample in read] == list(range(40))
    assert read[3]["__key__"] == read[3]["json"]["key"] == "clips/v1_0/003"
    for number, sample in enumerate(read):
        assert np.array_equal(sample["ids.npy"], ids(number, kind))


def test_a_shard_is_full_at_the_number_asked_for(shards: Shards, tmp_path: Path) -> None:
    index = shards(tmp_path, 100, each=1000)
    sizes = [shard["ids"] for shard in index.said["shards"]]
    assert max(sizes) <= 1000 and min(sizes[:-1]) > 600
    assert sum(sizes) == sum(len(ids(number)) for number in range(100))
    assert index.tokens == sum(len(tokens(number)) for number in range(100))


def test_the_index_has_the_special_ids_above_the_codes(shards: Shards, tmp_path: Path) -> None:
    said = read_index(shards(tmp_path, 3).folder).said
    special = [said[name] for name in ("begin_clip", "begin_block", "end_block", "padding")]
    assert special == [64000, 64001, 64002, 64003]
    assert (said["codes"], said["vocabulary"], said["dtype"]) == (64000, 64004, "uint16")
    assert Vocabulary(1 << 16).dtype == "uint32"  # special ids do not fit into 16 bits there


def test_equal_samples_give_equal_bytes(shards: Shards, tmp_path: Path) -> None:
    digests = []
    for name in ("a", "b"):
        shards(tmp_path / name, 50)
        files = sorted(path for path in (tmp_path / name).iterdir() if path.suffix != ".npz")
        digests.append([hashlib.sha256(path.read_bytes()).digest() for path in files])
    assert digests[0] == digests[1]


def test_what_is_there_stays_unless_forced_and_then_nothing_old_is_left(shards: Shards, tmp_path: Path) -> None:
    shards(tmp_path, 300)
    with pytest.raises(OutputError, match="already exists; -f"):
        shards(tmp_path, 10)
    index = shards(tmp_path, 10, overwrite=True)
    assert sorted(path.name for path in tmp_path.glob("*.tar")) == list(index.names)


def test_a_run_that_fails_leaves_no_half_shard(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        from elastictok_cli.data.shards import ShardWriter

        with ShardWriter(str(tmp_path / "%d.tar"), {}, CODES, 10) as writer:
            writer.add("a", tokens(1), counts(1))
            writer.add("b", None, counts(1))  # type: ignore[arg-type]
    assert [path.name for path in tmp_path.iterdir()] in ([], ["0.tar"])


@pytest.mark.parametrize("pattern", ["shards.tar", "%s/%s.tar", "%05d/a.tar"])
def test_a_pattern_without_a_number_is_refused(pattern: str, tmp_path: Path) -> None:
    from elastictok_cli.data.shards import ShardWriter

    with pytest.raises(UsageError, match="needs a place for the number"):
        ShardWriter(str(tmp_path / pattern), {}, CODES)


def test_missing_damaged_and_other_shards_are_said(shards: Shards, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'elastictok pack' writes it"):
        read_index(tmp_path)
    index = shards(tmp_path, 20)
    shard = tmp_path / index.names[0]
    shard.write_bytes(shard.read_bytes()[:-512])
    with pytest.raises(DamagedFile, match="is not the shard that index.json describes"):
        TokenBatches(tmp_path)
    arrays = tmp_path / "index.npz"
    whole = arrays.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], whole[:-5], whole[:60] + b"\xff" + whole[61:]):
        arrays.write_bytes(damaged)
        with pytest.raises(DamagedFile, match=r"index\.json: damaged"):
            read_index(tmp_path)
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(DamagedFile, match=r"index\.json: damaged"):
        read_index(tmp_path)
