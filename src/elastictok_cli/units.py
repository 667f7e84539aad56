"""Sizes, counts, times and names as people write them, and the duration of a last frame."""

from __future__ import annotations

import re
from fractions import Fraction


def size(count: float) -> str:
    """Format a number of bytes: 940 B, 23.4 kB, 1.2 MB (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"


def bytes_of(text: str) -> float:
    """Parse a number of bytes: 1.5MB, 800k, 2 MiB, 1500000.

    k, M and G are powers of 1000; Ki, Mi and Gi are powers of 1024. Raises ValueError.
    """
    found = re.fullmatch(r"([0-9.]+)\s*([kMG]?)(i?)B?", text.strip(), re.IGNORECASE)
    if found is None or (found[3] and not found[2]):
        raise ValueError(f"{text!r} is no size")
    power = " KMG".index(found[2].upper() or " ")
    return float(found[1]) * float((1024 if found[3] else 1000) ** power)


def clock(seconds: float) -> str:
    """Format a duration in whole seconds: 0:14, 12:03, 1:02:03."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def timestamp(seconds: float) -> str:
    """Format a time in tenths of a second: 00:34.0, 1:00:00.0. Hours only appear if there are any."""
    tenths = round(abs(seconds) * 10)
    hours, minutes, rest = tenths // 36000, tenths // 600 % 60, tenths % 600
    start = f"{hours}:" if hours else ""
    return f"{'-' if seconds < 0 else ''}{start}{minutes:02d}:{rest // 10:02d}.{rest % 10}"


def last_frame_ticks(step: int | None, rate: Fraction | None, base: Fraction) -> int:
    """Return the duration of a last frame that has none of its own: that of the frame rate, but at most `step`.

    step: ticks between the last two frames, None if there is only one. rate: frames per second, None if unknown.
    base: seconds per tick.
    """
    usual = max(1, round(1 / ((rate or 25) * base)))
    if step is None:
        return usual
    return min(step, usual) if rate else step


def plural(count: int, word: str) -> str:
    """Format a count with its noun: 1 block, 2 blocks, 12,345 tokens."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def utf8(text: str) -> str:
    """Text that every encoder takes: bytes of a file's name that are no UTF-8 become U+FFFD."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def one_line(text: str) -> str:
    """Without line breaks and without what could steer a terminal: names of files come from anywhere."""
    return "".join(c if c.isprintable() else " " if c in "\n\t" else "?" for c in text.strip())
