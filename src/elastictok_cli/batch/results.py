"""The report of a batch: a line of JSON for every file as it ends, and at last a table (results.parquet)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import OutputError
from ..whole import replacing
from .settings import Row

JOURNAL, TABLE = "results.jsonl", "results.parquet"


class Journal:
    """OUTDIR/results.jsonl: what earlier runs did, and what this one does. The last line of an output counts."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL
        self.rows: dict[str, Row] = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                for line in self.path.read_text(encoding="utf-8").splitlines():
                    if (row := _row(line)) is not None:
                        self.rows[row.output] = row
            self._file = open(self.path, "a", encoding="utf-8")  # noqa: SIM115 - closed by `close`
        except OSError as error:
            raise OutputError(f"{self.path}: {error.strerror}") from None

    def add(self, row: Row) -> None:
        """Enter a file that has ended; it is on the disk when this returns, as far as the system goes."""
        self.rows[row.output] = row
        self._file.write(json.dumps(asdict(row), ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _row(line: str) -> Row | None:
    """A line of an earlier run; None if it is none, as the last one of a run that was killed."""
    try:
        said = json.loads(line)
        known = {field.name for field in fields(Row)}
        return Row(**{key: value for key, value in said.items() if key in known})
    except (ValueError, TypeError, AttributeError):
        return None


def save_table(path: Path, rows: Iterable[Row]) -> bool:
    """Write results.parquet, a row for each file; False if pyarrow is not there (extra `batch`)."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return False
    table = pyarrow.Table.from_pylist([asdict(row) for row in rows], _schema(pyarrow))
    try:
        with replacing(path) as part:
            pyarrow.parquet.write_table(table, part)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from None
    return True


def _schema(pyarrow: object) -> object:
    types: Mapping[str, str] = {"str": "string", "int": "int64", "float": "float64"}
    return pyarrow.schema(  # type: ignore[attr-defined]
        [(field.name, getattr(pyarrow, types[str(field.type)])()) for field in fields(Row)]
    )
