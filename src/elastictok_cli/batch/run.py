"""The loop over a batch: tasks to an engine, what ends into the report. Yields what happens, prints nothing."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from pathlib import Path

from ..codec.gop_ranges import CodedRange
from ..container import part_path
from .engine import Engine
from .items import Item
from .results import Journal
from .row import Row
from .work import Failed, Progress, Split, Task, is_own

RETRIES = 2


@dataclass(frozen=True)
class FileDone:
    """A file has ended, well or not."""

    row: Row


@dataclass(frozen=True)
class Retried:
    """A piece of a file failed and is tried again."""

    source: str
    text: str


BatchEvent = FileDone | Retried | Progress


def run(
    items: list[Item],
    folder: Path,
    engine: Engine,
    journal: Journal,
    *,
    retries: int = RETRIES,
    fail_fast: bool = False,
    replace_others: bool = False,
) -> Generator[BatchEvent, None, None]:
    """Encode all items into `folder`; every item ends in exactly one `FileDone`, and in the journal.

    retries: how often a piece that failed for a reason that may pass is tried again. fail_fast: end after the first
    file that failed. replace_others: outputs that are not as an earlier batch left them are replaced, and not failures.
    The engine is closed when this ends, however it does.
    """
    files = [_File(item, number) for number, item in enumerate(items)]
    waiting = list(reversed(files))
    open_files = 0

    def begin() -> None:
        nonlocal open_files
        while waiting and open_files < 2 * engine.workers:
            file = waiting.pop()
            open_files += 1
            engine.submit(file.first(folder, engine.workers, journal, replace_others))

    try:
        begin()
        while open_files:
            for task, outcome in engine.answers():
                if isinstance(outcome, Progress):
                    yield outcome
                    continue
                file = files[task.item]
                if file.ended:
                    continue  # of a file that failed meanwhile
                if isinstance(outcome, Failed) and outcome.again and file.attempts <= retries:
                    file.attempts += 1
                    yield Retried(file.item.source, outcome.text)
                    engine.submit(task)
                    continue
                row = file.take(task, outcome, engine)
                if row is None:
                    continue
                open_files -= 1
                journal.add(row)
                yield FileDone(row)
                if fail_fast and not row.is_there:
                    return
            begin()
    finally:
        engine.close()
        for file in files:
            if file.task.output and not file.is_there:  # a process that was killed has left what it had
                part_path(file.task.output).unlink(missing_ok=True)


class _File:
    """One item on its way: alone, or in ranges that are then put together."""

    def __init__(self, item: Item, number: int) -> None:
        self.item, self.number = item, number
        self.attempts = 1
        self.ended = self.is_there = False
        self.before: Row | None = None  # of an earlier batch, if its output is still there
        self.task = Task(number, item.source, "", episode=item.episode)
        self.missing: set[int] = set()  # ranges, by their first GOP
        self.ranges: dict[int, CodedRange] = {}

    def first(self, folder: Path, workers: int, journal: Journal, replace_others: bool) -> Task:
        there = folder / self.item.output
        before = journal.rows.get(self.item.output)
        exists = there.exists()
        before = self.before = before if before is not None and exists and is_own(there, before) else None
        known = (before.digest, before.settings) if before is not None and before.is_there else None
        # of an earlier run, or of one that was stopped before it could say what it is
        ours = before is not None or (exists and self.item.output in journal.begun)
        if ours or not exists:
            journal.begin(self.item.output)
        self.task = replace(
            self.task,
            output=str(there),
            split=workers,
            known=known,
            replace=replace_others or ours,
        )
        return self.task

    def take(self, task: Task, outcome: Row | Split | CodedRange | Failed, engine: Engine) -> Row | None:
        """What to do with an outcome; the row if the file has ended with it."""
        match outcome:
            case Split(parts):
                self.missing = {start for start, _ in parts}
                for part in parts:
                    engine.submit(replace(self.task, part=part))
                return None
            case CodedRange():
                assert task.part is not None
                self.ranges[task.part[0]] = outcome
                self.missing.discard(task.part[0])
                if not self.missing:
                    ranges = tuple(self.ranges[start] for start in sorted(self.ranges))
                    engine.submit(replace(self.task, ranges=ranges))
                return None
            case Row(status="skipped") if self.before is not None:
                row = replace(self.before, status="skipped", output_digest=outcome.output_digest)
            case Row():
                row = outcome
            case Failed():
                row = Row(self.item.source, "", "failed", outcome.text, outcome.exit_code)
                if self.before is not None and Path(self.task.output).exists():  # still the earlier batch's own
                    names = ("digest", "settings", "bytes_out", "output_digest")
                    row = replace(row, **{name: getattr(self.before, name) for name in names})
        self.ended, self.is_there = True, row.is_there
        size = self.item.bytes if self.item.episode else row.bytes_in or self.item.bytes
        return replace(row, output=self.item.output, attempts=self.attempts, bytes_in=size)
