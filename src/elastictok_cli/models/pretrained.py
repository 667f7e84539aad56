"""Where the weights are that `Tokenizer.from_pretrained` names: here, in a folder, or in a repository on a hub."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from ..errors import InputError, UsageError
from ..types import PathLike
from .weights_files import SUFFIX

REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+")


def find_pretrained(name: PathLike | None) -> PathLike | None:
    """Return a model's name or the path of its weights file, for `registry.load`.

    name: either of them, a folder with one .safetensors file, or org/name of a repository on a hub, which is fetched
    into the hub library's cache (extra `hub`; HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN count). What exists on this
    machine comes first. Raises UsageError for a folder without weights, InputError for a failed download.
    """
    if name is None or str(name).endswith(SUFFIX):
        return name
    text = os.fspath(name)
    if os.path.isdir(text):
        return _only_file(Path(text), text)
    if REPOSITORY.fullmatch(text) and not text.startswith(".") and not os.path.exists(text):
        return _only_file(Path(_fetch(text)), text)
    return name


def _only_file(folder: Path, name: str) -> Path:
    files = sorted(folder.glob(f"*{SUFFIX}"))
    if len(files) != 1:
        found = f"holds {len(files)} of them: {', '.join(file.name for file in files)}" if files else "holds none"
        raise UsageError(f"{name}: one {SUFFIX} file is needed, and it {found}")
    return files[0]


def _fetch(repository: str) -> str:
    try:
        import huggingface_hub
    except ImportError:
        raise UsageError(
            f"{repository}: no folder here, and a hub needs huggingface_hub; pip install 'elastictok[hub]' brings it"
        ) from None
    try:
        folder: Any = huggingface_hub.snapshot_download(repository, allow_patterns=f"*{SUFFIX}")
    except Exception as error:  # of the network and of the library, each with its own
        reason = next(iter(str(error).strip().splitlines()), "no reason given")
        raise InputError(f"{repository}: could not be fetched ({type(error).__name__}: {reason})") from None
    return str(folder)
