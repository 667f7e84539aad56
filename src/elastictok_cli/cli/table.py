"""Show the progress of a batch: counts and speed, redrawn on a terminal, elsewhere a plain line every ten seconds."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..batch.items import Item
from ..batch.row import Row
from ..batch.run import BatchEvent, FileDone, Retried
from ..batch.work import Progress
from ..metrics import psnr_db
from .console import Console, clock, size
from .progress import PLAIN_EVERY_S
from .signals import answer_with

if TYPE_CHECKING:
    from rich.live import Live
    from rich.table import Table as RichTable

ACTIVE = 8  # files shown by name


class Table:
    """Counts the events of a batch and shows them. items: all files of the batch."""

    def __init__(self, console: Console, items: list[Item]) -> None:
        self.console, self.items = console, items
        self.counts: Counter[str] = Counter({"done": 0, "partial": 0, "skipped": 0, "failed": 0})
        self.total, self.retried = len(items), 0
        self.partial = 0  # files, also those that were so in an earlier run
        self.whole_bytes = sum(item.bytes for item in items)
        self.frames = self.tokens = self.bytes_in = self.bytes_out = self.seen_bytes = 0
        self.first_error, self.first_code = "", 1
        self.active: dict[int, int] = {}  # frames coded, by item
        self.begin = self._last_plain = time.monotonic()
        self.seconds = 0.0
        self._numbers = {item.output: number for number, item in enumerate(items)}
        self._coded = 0  # frames, also of files that are not done yet

    @property
    def ended(self) -> int:
        """Files that have ended, successfully or not."""
        return self.counts.total()

    @property
    def there(self) -> int:
        """Files whose output exists."""
        return self.ended - self.counts["failed"]

    @property
    def json_total(self) -> dict[str, Any] | None:
        """The last object of --json; None without it."""
        if not self.console.json_lines:
            return None
        names = ("total", "frames", "tokens", "bytes_in", "bytes_out", "seconds")
        return {"type": "batch", **{name: getattr(self, name) for name in names}, "files": dict(self.counts)}

    def follow(self, events: Generator[BatchEvent, None, None]) -> None:
        """Run to the end and show it."""
        live = self._live() if self.console.shows_bar else None
        try:
            with answer_with(lambda: self.text(time.monotonic())), closing(events):
                for event in events:
                    self._take(event)
                    self._show(live)
        finally:
            self.seconds = max(1e-9, time.monotonic() - self.begin)
            if live is not None:
                live.stop()
                self.console.above(None)

    def _take(self, event: BatchEvent) -> None:
        match event:
            case Progress(item, frames):
                self.active[item] = self.active.get(item, 0) + frames
                self._coded += frames
            case Retried(source, text):
                self.retried += 1
                self.console.note(f"{source}: retried after: {text}")
            case FileDone(row):
                self._end(row)

    def _end(self, row: Row) -> None:
        number = self._numbers[row.output]
        self.active.pop(number, None)
        self.counts[row.status] += 1
        self.seen_bytes += self.items[number].bytes
        if row.status in ("done", "partial"):
            self.frames += row.frames
            self.tokens += row.tokens
            self.bytes_in += row.bytes_in
            self.bytes_out += row.bytes_out
        if self.console.json_lines:
            self.console.emit({"type": "file", **asdict(row), "psnr_db": psnr_db(row.mse) if row.frames else None})
        self.partial += row.is_partial
        if row.status == "failed":
            if self.counts["failed"] == 1:
                self.first_error, self.first_code = row.error, row.exit_code
            self.console.line(f"{row.error}" if row.source in row.error else f"{row.source}: {row.error}", "failed")
        elif row.is_partial:
            self.console.line(f"{row.source}: {row.error}", "partial")
        elif self.console.verbose:
            self.console.line(f"{row.source}: {row.status}, {size(row.bytes_out)}")

    def text(self, now: float) -> str:
        """The line of progress, such as "files 12/100  2 failed  11.3 fps  0.4 of 3.1 GB  eta 1:02:03"."""
        parts = [f"files {self.ended:,}/{self.total:,}"]
        parts += [f"{self.counts['skipped']:,} unchanged"] if self.counts["skipped"] else []
        parts += [f"{self.counts['failed']:,} failed"] if self.counts["failed"] else []
        passed = now - self.begin
        if self._coded and passed > 0:
            parts.append(f"{self._coded / passed:.1f} fps")
        if self.whole_bytes:
            parts.append(f"{size(self.seen_bytes)} of {size(self.whole_bytes)}")
        if self.seen_bytes and passed > 1:
            parts.append(f"eta {clock(passed * (self.whole_bytes - self.seen_bytes) / self.seen_bytes)}")
        return "  ".join(parts)

    def _show(self, live: Live | None) -> None:
        now = time.monotonic()
        if live is not None:
            live.update(self._drawn(now))
        elif now - self._last_plain >= PLAIN_EVERY_S:
            self._last_plain = now
            self.console.line(self.text(now))

    def _live(self) -> Live:
        from rich.console import Console as RichConsole
        from rich.live import Live

        drawn = RichConsole(stderr=True, highlight=False)
        live = Live(self._drawn(self.begin), console=drawn, transient=True, refresh_per_second=4)
        live.start()
        self.console.above(drawn)
        return live

    def _drawn(self, now: float) -> RichTable:
        from rich.table import Table as RichTable
        from rich.text import Text

        table = RichTable.grid(padding=(0, 2))
        for number, frames in sorted(self.active.items())[:ACTIVE]:
            table.add_row(Text(f"  {self.items[number].output}"), Text(f"{frames:,} frames", "dim"))
        if len(self.active) > ACTIVE:
            table.add_row(Text(f"  and {len(self.active) - ACTIVE:,} more"))
        whole = RichTable.grid()
        whole.add_row(table)
        whole.add_row(Text(self.text(now)))
        return whole
