"""Arrays in an .npz: written whole or not at all, and read without trust."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..atomic_file import atomic_write, translate_os_errors
from ..container.tokenfile import save_tokens
from ..errors import DamagedFile, InputError
from ..types import PathLike

MAX_BYTES = 1 << 32  # of all arrays, unpacked
Arrays = dict[str, npt.NDArray[Any]]


def write_arrays(path: PathLike, arrays: Arrays) -> None:
    """Write an .npz. An existing file is replaced. Equal arrays give equal bytes. Raises OutputError."""
    with translate_os_errors(path), atomic_write(path) as part, Path(part).open("wb") as file:
        save_tokens(file, arrays)


def read_arrays(path: PathLike) -> Arrays:
    """Read all arrays of an .npz. Raises InputError if it cannot be read, DamagedFile if it is none. Nothing is run."""
    arrays: Arrays = {}
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise ValueError(f"its arrays would take more than {MAX_BYTES:,} bytes")
            for member in members:
                data = io.BytesIO(archive.read(member))
                arrays[member.filename.removesuffix(".npy")] = np.lib.format.read_array(data, allow_pickle=False)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from None
    except Exception as error:  # whatever numpy, zipfile and zlib raise for a damaged file
        raise DamagedFile(f"{path}: damaged: {str(error)[:100] or type(error).__name__}") from None
    return arrays
