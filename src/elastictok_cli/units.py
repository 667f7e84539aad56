"""Sizes, counts and times as people say them. Imports nothing, like errors.py."""

from __future__ import annotations


def size(count: float) -> str:
    """Bytes: 940 B, 23.4 kB, 1.2 MB (powers of 1000)."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 99.95 else f"{count:.1f} {unit}"


def clock(seconds: float) -> str:
    """0:14, 12:03, 1:02:03."""
    whole = max(0, round(seconds))
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"


def plural(count: int, word: str) -> str:
    """1 block, 2 blocks, 12,345 tokens."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"
