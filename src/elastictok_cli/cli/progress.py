"""Shows a run while it goes: a bar on a terminal, elsewhere a plain line every ten seconds."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import closing
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ..codec.events import (
    BlockChecked,
    BlockDone,
    BlockEarly,
    Event,
    Finished,
    PassDone,
    PassStarted,
    ProbeDone,
    Resumed,
    SizeReached,
    Started,
    Verified,
    Warned,
)
from .console import Console, clock, plural, size
from .records import record

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

PLAIN_EVERY_S = 10.0
BAR, SHORT_BAR, NARROW = 24, 6, 64  # columns: of the bar, of that on a narrow terminal, and which is one
LEAST_WANTED = ("bpp", "tokens", "fps")  # what goes first where there is no room


class Meter:
    """What there is to say of a running job. now: seconds, any origin."""

    def __init__(self, started: Started, now: float) -> None:
        self.started, self.begin = started, now
        self.frames = self.resumed = started.frames_done
        self.new_blocks = self.new_tokens = self.new_bits = 0
        self.ahead: dict[int, int] = {}  # frames of blocks that are done before their turn

    def add(self, event: BlockDone | BlockChecked) -> None:
        """One more block."""
        self.ahead.pop(event.index, None)
        self.frames += event.frames
        self.new_blocks += 1
        self.new_tokens += event.tokens
        self.new_bits += event.bits if isinstance(event, BlockDone) else 0

    @property
    def done(self) -> int:
        """Frames that are coded, in their turn or before it."""
        return self.frames + sum(self.ahead.values())

    @property
    def total(self) -> int | None:
        """Frames that there will be, as far as the input says; never fewer than there were."""
        estimate = self.started.frames_estimate
        return None if not estimate else max(estimate, self.done)

    def text(self, now: float, width: int | None = None) -> str:
        """blocks 37/60  4.1 fps  15,244 tokens  0.031 bpp  eta 0:14, or less of it if it must fit into `width`."""
        size = self.started.block_frames
        blocks = -(-self.done // size)
        parts = {"blocks": f"blocks {blocks:,}/{-(-self.total // size):,}" if self.total else f"blocks {blocks:,}"}
        new, passed = self.frames - self.resumed, now - self.begin
        if self.done > self.resumed and passed > 0:
            fps = (self.done - self.resumed) / passed
            parts |= {"fps": f"{fps:.1f} fps", "tokens": f"{self.new_tokens:,} tokens"}
            if self.new_bits:
                pixels = new * self.started.width * self.started.height
                parts["bpp"] = f"{self.new_bits / pixels:.3f} bpp"
            if self.total:
                parts["eta"] = f"eta {clock((self.total - self.done) / fps)}"
        for name in LEAST_WANTED:
            if width is not None and len("  ".join(parts.values())) > width:
                parts.pop(name, None)
        return "  ".join(parts.values())


class Display:
    """A context manager that shows events, and with `on_probe` every candidate of a slow model: in the bar, and with -v
    on a line of its own."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.meter: Meter | None = None
        self.reached: SizeReached | None = None
        self._pass = ""
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._room = 0  # columns beside the bar
        self._last_plain = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_bar()

    def tell(self, event: Event) -> None:
        """Show one event."""
        if self.console.json_lines:
            self.console.emit(record(event))
        now = time.monotonic()
        match event:
            case Started():
                self.meter = Meter(event, now)
                self._last_plain = now
                if self.console.shows_bar:
                    self._stop_bar()
                    self._start_bar(self.meter)
            case PassStarted():
                self._pass = f"pass {event.number}/{event.max_passes}  "
                self.console.line(f"pass {event.number} of at most {event.max_passes}: threshold {event.threshold:.4g}")
            case PassDone():
                share = f"{100 * event.fill_ratio:.1f} % of the size"
                self.console.line(f"pass {event.number}: {size(event.bytes_out)}, {share}")
            case SizeReached():
                self.reached = event
            case BlockDone() | BlockChecked() if self.meter is not None:
                self.meter.add(event)
                self._update(self.meter, now)
            case BlockEarly() if self.meter is not None:
                self.meter.ahead[event.index] = event.frames
                self._update(self.meter, now)
            case Resumed():
                self.console.line(f"continuing after {plural(event.frames, 'frame')} of {event.part}")
            case Warned():
                self.console.note(event.text)
            case _:
                pass

    def on_probe(self, done: ProbeDone) -> None:
        """Show one candidate."""
        tile = f" tile {done.tile + 1}/{done.tiles}" if done.tiles > 1 else ""
        probe = done.probe
        text = f"block {done.index + 1}{tile} try {done.number}: {probe.count:,} tokens, mse {probe.mse:.5f}"
        if self.console.verbose:
            self.console.line(text)
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=text)

    def _stop_bar(self) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
            self.console.above(None)

    def _start_bar(self, meter: Meter) -> None:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, Progress, TextColumn

        live = RichConsole(stderr=True, highlight=False)
        bar = BAR if live.width >= NARROW else SHORT_BAR
        self._room = live.width - bar - 1
        self._bar = Progress(
            BarColumn(bar), TextColumn("{task.description}", markup=False), console=live, transient=True
        )
        self._task = self._bar.add_task(self._pass + meter.text(meter.begin), total=meter.total, completed=meter.frames)
        self._bar.start()
        self.console.above(live)

    def _update(self, meter: Meter, now: float) -> None:
        if self._bar is not None and self._task is not None:
            text = self._pass + meter.text(now, self._room - len(self._pass))
            self._bar.update(self._task, description=text, total=meter.total, completed=meter.done)
        elif now - self._last_plain >= PLAIN_EVERY_S:
            self._last_plain = now
            self.console.line(self._pass + meter.text(now))


def follow(events: Iterable[Event], console: Console, display: Display | None = None) -> Event:
    """Run to the end and show it; returns the last event. A generator is closed whatever happens."""
    last: Event | None = None
    close = getattr(events, "close", None)
    with display or Display(console) as display:
        if close is not None:
            with closing(events):  # type: ignore[type-var]  # a generator, as `close` shows
                for last in events:
                    display.tell(last)
        else:
            for last in events:
                display.tell(last)
    if not isinstance(last, (Finished, Verified)):
        raise RuntimeError("a run ended without its totals")
    return last
