"""Shards: tar files as the webdataset package reads them, and an index with which any sample is one read away.

A sample is one clip: KEY.ids.npy, its sequence of ids (sequence.py) or, for a model whose token is a small vector, its
tokens (tokens, channels), and KEY.json (counts by block and tile, errors, times). KEY is the file's path. index.npz and
index.json lie beside the shards.
"""

from __future__ import annotations

import io
import json
import os
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self

import numpy as np
import numpy.typing as npt

from ..atomic_file import atomic_write, translate_os_errors
from ..errors import DamagedFile, InputError, OutputError, UsageError
from .sequence import Vocabulary

VERSION = 1
TOKENS_PER_SHARD = 50_000_000
INDEX, ARRAYS = "index.json", "index.npz"
# Of a sample, in index.npz: its shard, where its ids start there, how many they are, where its JSON is, its blocks, and
# tiles of a block.
COLUMNS = ("shard", "ids", "length", "json", "json_bytes", "blocks", "tiles")


@dataclass(frozen=True, eq=False)
class Index:
    """What there is.

    folder: of the shards. names: of the shards. samples: COLUMNS, int64 (samples,) each. counts: uint32, tokens of each
    tile of each block of each sample, without special ids. said: index.json, with `model`, `syntax`, `dtype` and
    `channels` (of a token), `block_frames`, and for codes the special ids.
    """

    folder: Path
    names: tuple[str, ...]
    samples: Mapping[str, npt.NDArray[np.int64]]
    counts: npt.NDArray[np.uint32]
    said: Mapping[str, Any]

    def __len__(self) -> int:
        return len(self.samples["length"])

    @property
    def tokens(self) -> int:
        """Of all samples, without special ids."""
        return int(self.counts.sum(dtype=np.int64))

    @property
    def vocabulary(self) -> Vocabulary:
        """The ids of the sequences; of no codes if a token is a small vector."""
        return Vocabulary(int(self.said.get("codes", 0)))

    @cached_property
    def first_counts(self) -> npt.NDArray[np.int64]:
        """int64 (samples + 1,): where in `counts` those of each sample begin, and their end."""
        return np.concatenate([[0], np.cumsum(self.samples["blocks"] * self.samples["tiles"])]).astype(np.int64)

    def counts_of(self, sample: int) -> npt.NDArray[np.uint32]:
        """uint32 (blocks, tiles)."""
        first, end = self.first_counts[sample : sample + 2]
        return self.counts[first:end].reshape(-1, int(self.samples["tiles"][sample]))


class ShardWriter:
    """Writes shards; a context manager. Each takes its name when it is whole, the index comes last.

    pattern: a path with one number in it, such as shards/%05d.tar. about: of all samples, into index.json. vocabulary:
    of the ids; of no codes if a token is a small vector. Raises OutputError if there is something already (unless
    overwrite) or it cannot be written, UsageError for a pattern without a number.
    """

    def __init__(
        self,
        pattern: str,
        about: Mapping[str, Any],
        vocabulary: Vocabulary,
        tokens_per_shard: int = TOKENS_PER_SHARD,
        overwrite: bool = False,
    ) -> None:
        self.pattern, self.about, self.most = pattern, dict(about), tokens_per_shard
        self.vocabulary = vocabulary
        self.folder = Path(pattern).parent
        try:
            if pattern % 0 == pattern % 1 or Path(pattern % 0).parent != self.folder:
                raise ValueError
        except (ValueError, TypeError):
            raise UsageError(f"{pattern}: needs a place for the number in the name, as in shards/%05d.tar") from None
        if not overwrite:
            for path in (Path(pattern % 0), self.folder / INDEX):
                if path.exists():
                    raise OutputError(f"{path}: already exists; -f replaces it, -o names another folder")
        self.shards: list[dict[str, Any]] = []
        self.rows: list[tuple[int, ...]] = []
        self.counts: list[npt.NDArray[np.uint32]] = []
        self._file: BinaryIO | None = None
        self._tar: tarfile.TarFile | None = None
        self._first = self._tokens = 0

    def add(
        self, key: str, values: npt.NDArray[Any], counts: npt.NDArray[Any], said: Mapping[str, Any] | None = None
    ) -> None:
        """One sample.

        key: unique, also with "_" for a dot, which webdataset takes for the start of the ending. values: the tokens of
        all tiles of all blocks, (tokens,) or (tokens, channels). counts: of each, integers (blocks, tiles). said: into
        the sample's JSON.
        """
        key = key.replace(".", "_")
        ids = self.vocabulary.join(values, counts)
        if self._tar is not None and self._tokens and self._tokens + len(ids) > self.most:
            self._end_shard()
        if self._tar is None:
            self._begin_shard()
        at_ids = self._put_array(f"{key}.ids.npy", ids)
        text = json.dumps({"key": key, **(said or {})}, separators=(",", ":")).encode()
        at_json = self._put(f"{key}.json", text)
        self.rows.append((len(self.shards), at_ids, len(ids), at_json, len(text), *counts.shape))
        self.counts.append(counts.reshape(-1).astype(np.uint32))
        self._tokens += len(ids)

    def finish(self) -> Index:
        """Close the last shard and write the index."""
        self._end_shard()
        stale = len(self.shards)  # of an earlier, longer run: whoever reads *.tar would read them too
        while (path := Path(self.pattern % stale)).exists():
            path.unlink()
            stale += 1
        rows = np.array(self.rows, np.int64).reshape(-1, len(COLUMNS))
        samples = {name: np.ascontiguousarray(rows[:, i]) for i, name in enumerate(COLUMNS)}
        counts = np.concatenate([np.zeros(0, np.uint32), *self.counts])
        said = {
            "version": VERSION,
            **self.about,
            "dtype": self.vocabulary.dtype,
            **self.vocabulary.described(),
            "samples": len(rows),
            "tokens": int(counts.sum(dtype=np.int64)),
            "shards": self.shards,
        }
        packed = io.BytesIO()
        np.savez_compressed(packed, counts=counts, **samples)  # type: ignore[arg-type]
        self._replace(self.folder / ARRAYS, packed.getvalue())
        self._replace(self.folder / INDEX, json.dumps(said, indent=1).encode())
        return Index(self.folder, tuple(shard["name"] for shard in self.shards), samples, counts, said)

    def abort(self) -> None:
        """Remove the shard in the making."""
        if self._file is not None:
            self._file.close()
            self._part.unlink(missing_ok=True)
            self._file = self._tar = None

    @property
    def _part(self) -> Path:
        return Path(f"{self.pattern % len(self.shards)}.part")

    def _begin_shard(self) -> None:
        with translate_os_errors(self._part):
            self.folder.mkdir(parents=True, exist_ok=True)
            self._file = open(self._part, "wb")  # noqa: SIM115 - closed by `_end_shard` or `abort`
        self._tar = tarfile.TarFile(fileobj=self._file, mode="w", format=tarfile.PAX_FORMAT)
        self._first, self._tokens = len(self.rows), 0

    def _end_shard(self) -> None:
        if self._tar is None or self._file is None:
            return
        self._tar.close()
        size = self._file.tell()
        self._file.close()
        path = Path(self.pattern % len(self.shards))
        os.replace(self._part, path)
        self.shards.append(
            {"name": path.name, "samples": len(self.rows) - self._first, "ids": self._tokens, "bytes": size}
        )
        self._file = self._tar = None

    def _put(self, name: str, data: bytes) -> int:
        """Append a member; returns where its data start in the shard."""
        assert self._tar is not None
        info = tarfile.TarInfo(name)  # its date is 1970 and its owner nobody: equal samples, equal shards
        info.size = len(data)
        with translate_os_errors(self._part):
            self._tar.addfile(info, io.BytesIO(data))
        return self._tar.offset - -(-len(data) // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE

    def _put_array(self, name: str, array: npt.NDArray[Any]) -> int:
        """Likewise; where its numbers start."""
        packed = io.BytesIO()
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        np.lib.format.write_array(packed, array, allow_pickle=False)
        return self._put(name, packed.getvalue()) + packed.tell() - array.nbytes

    def _replace(self, path: Path, data: bytes) -> None:
        with translate_os_errors(path):
            self.folder.mkdir(parents=True, exist_ok=True)
            with atomic_write(path) as part:
                part.write_bytes(data)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()


def read_index(folder: str | os.PathLike[str]) -> Index:
    """The index of a folder of shards. Raises InputError if there is none, DamagedFile if the shards are others."""
    place = Path(folder)
    try:
        said = json.loads((place / INDEX).read_bytes())
        with (place / ARRAYS).open("rb") as file, np.load(file) as arrays:
            samples = {name: arrays[name].astype(np.int64) for name in COLUMNS}
            counts = arrays["counts"].astype(np.uint32)
        names = tuple(str(shard["name"]) for shard in said["shards"])
        sizes = [int(shard["bytes"]) for shard in said["shards"]]
    except FileNotFoundError as error:
        raise InputError(f"{error.filename}: is not there; 'elastictok pack' writes it beside the shards") from None
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DamagedFile(f"{place / INDEX}: damaged: {error}") from None
    if said.get("version") != VERSION:
        raise DamagedFile(f"{place / INDEX}: of version {said.get('version')}, not {VERSION}")
    for name, size in zip(names, sizes, strict=True):
        if not (place / name).exists() or (place / name).stat().st_size != size:
            raise DamagedFile(f"{place / name}: is not the shard that {INDEX} describes; pack it again")
    if len(counts) != int((samples["blocks"] * samples["tiles"]).sum()):
        raise DamagedFile(f"{place / ARRAYS}: its counts are not those of its samples; pack it again")
    return Index(place, names, samples, counts, said)
