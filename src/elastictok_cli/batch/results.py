"""The report of a batch: a line of JSON for every file as it ends, and at last a table (results.parquet)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from ..atomic_file import atomic_write
from ..errors import OutputError
from ..units import utf8
from .row import Row

JOURNAL, TABLE, BEGUN = "results.jsonl", "results.parquet", "results.begun"


class Journal:
    """OUTDIR/results.jsonl: what earlier runs did, and what this one does. The last line of an output counts.

    A run that is stopped may have finished a file and not have entered it. OUTDIR/results.begun names the outputs
    it made, or made again, until they are entered (a line ["NAME"]), so that the next run knows its own from somebody
    else's; it goes when all are.
    """

    def __init__(self, folder: Path) -> None:
        self.path, self._begun_path = folder / JOURNAL, folder / BEGUN
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lines, self._file = _appended(self.path)
            begun, self._begun_file = _appended(self._begun_path)
        except OSError as error:
            raise OutputError(f"{self.path}: {error.strerror}") from None
        self.rows = {row.output: row for row in map(_row, lines) if row is not None}
        self.begun: set[str] = set()
        for said in map(_said, begun):
            if isinstance(said, str):
                self.begun.add(said)
            elif isinstance(said, list):
                self.begun.difference_update(map(str, said))

    def add(self, row: Row) -> None:
        """Enter a file that has ended; it is on the disk when this returns, as far as the system goes."""
        self.rows[row.output] = row
        said = {key: value if value == value else None for key, value in asdict(row).items()}  # JSON has no NaN
        self._file.write(json.dumps(said, ensure_ascii=False) + "\n")
        self._file.flush()
        if row.output in self.begun:
            self.begun.discard(row.output)
            self._begin_line([row.output])

    def begin(self, output: str) -> None:
        """Enter an output that is the batch's, or nobody's yet, before anything is written there."""
        self.begun.add(output)
        self._begin_line(output)

    def _begin_line(self, said: str | list[str]) -> None:
        self._begun_file.write(json.dumps(said, ensure_ascii=False) + "\n")
        self._begun_file.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        self._begun_file.close()
        if not self.begun:
            self._begun_path.unlink(missing_ok=True)


def _appended(path: Path) -> tuple[list[str], TextIO]:
    """The lines that are there, and the file, open to add others; a line that a run was killed in is ended first."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    # Bytes of a name that are no UTF-8 become JSON's \\udc80 to \\udcff, and are read back as they were.
    file = open(path, "a", encoding="utf-8", errors="backslashreplace")  # noqa: SIM115 - closed by the journal
    if text and not text.endswith("\n"):
        file.write("\n")
    return text.split("\n"), file


def _said(line: str) -> object:
    """What a line says; None if it is torn."""
    try:
        return json.loads(line)
    except ValueError:
        return None


def _row(line: str) -> Row | None:
    """A line of an earlier run; None if it is none, as the last one of a run that was killed."""
    try:
        said = json.loads(line)
        known = {field.name for field in fields(Row)}
        return Row(**{key: value for key, value in said.items() if key in known and value is not None})
    except (ValueError, TypeError, AttributeError):
        return None


def save_table(path: Path, rows: Iterable[Row]) -> bool:
    """Write results.parquet, a row for each file; False if pyarrow is not there (extra `batch`)."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        return False
    lines = [{key: utf8(it) if isinstance(it, str) else it for key, it in asdict(row).items()} for row in rows]
    table = pyarrow.Table.from_pylist(lines, _schema(pyarrow))
    try:
        with atomic_write(path) as part:
            pyarrow.parquet.write_table(table, part)
    except OSError as error:
        raise OutputError(f"{path}: {error.strerror or error}") from None
    return True


def _schema(pyarrow: object) -> object:
    types: Mapping[str, str] = {"str": "string", "int": "int64", "float": "float64"}
    return pyarrow.schema(  # type: ignore[attr-defined]
        [(field.name, getattr(pyarrow, types[str(field.type)])()) for field in fields(Row)]
    )
