"""Bare tokens in a file to an .etok: what a language model made, and nothing but values, counts and shape around it."""

from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path

from ..container.tokenfile import etok_of, etok_of_arrays
from ..container.tokentable import MAGIC, TokenTable, load_table
from ..errors import UsageError
from ..models.registry import load
from .codes import Codes
from .files import read_arrays

NEEDED = ("values", "counts", "shape")


def etok_of_tokens(path: str, model: str | None = None) -> bytes:
    """Return the .etok file of the tokens in an .npz or a parquet table.

    path: an .npz of `elastictok tokens` or `Codes.save`; an .npz with `values`, `counts` and `shape` of one clip, as
    `Codes.from_values` takes them; or a parquet table (container/tokentable.py). model: the model's name or weights
    file, needed where the file does not name it. Raises UsageError, UnsupportedFile, InputError, DamagedFile.
    """
    with Path(path).open("rb") as file:
        is_table = file.read(len(MAGIC)) == MAGIC
    table = load_table(path) if is_table else _bare_arrays(path)
    if table is None:
        return etok_of(path)
    name = table.model if model is None else model
    if name is None:
        raise UsageError(f"{path}: does not say which model's tokens it has; `model` NAME is needed")
    loaded = load(name, "cpu")
    if table.model_digest not in (None, loaded.spec.digest):
        raise UsageError(f"{path}: its tokens are of other weights than those of {loaded.spec.name} here")
    try:
        codes = Codes.from_values(table.values, table.counts, table.shape, model=loaded)
    except UsageError as error:
        text = str(error).replace("`", "")  # the names are those of arrays here, not of options
        raise UsageError(f"{path}: {text}") from None
    header = codes.header
    if table.gop_blocks is not None:
        header = replace(header, gop_blocks=max(table.gop_blocks, 1))
    if table.time_base is not None:
        header = replace(header, time_base=table.time_base)
    arrays = replace(codes, header=header).arrays()
    if table.pts is not None:
        arrays["pts"] = table.pts
    return etok_of_arrays(arrays, path)


def _bare_arrays(path: str) -> TokenTable | None:
    """The arrays of an .npz; None if they are not bare."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = {Path(name).stem for name in archive.namelist()}
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError):
        return None  # `etok_of` says what is wrong
    if "head" in names or not names.issuperset(NEEDED):
        return None
    arrays = read_arrays(path)
    shape = tuple(arrays["shape"].reshape(-1).tolist())
    if len(shape) != 4:
        raise UsageError(f"{path}: shape {shape}: that of one clip is needed, (T, H, W, 3)")
    return TokenTable(values=arrays["values"], counts=arrays["counts"].reshape(-1), shape=shape)
