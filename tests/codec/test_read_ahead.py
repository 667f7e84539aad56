"""Reading ahead in a thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from elastictok_cli.codec.read_ahead import read_ahead


def test_it_keeps_order_and_ends() -> None:
    assert list(read_ahead(iter(range(1000)), 3)) == list(range(1000))


def test_it_hands_an_error_over_after_what_came_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise OSError("gone")

    items = read_ahead(failing())
    assert next(items) == 1
    with pytest.raises(OSError, match="gone"):
        next(items)


def test_it_reads_no_further_than_it_may_and_closes_what_it_read() -> None:
    read: list[int] = []
    closed = threading.Event()

    def counting() -> Iterator[int]:
        try:
            for number in range(1000):
                read.append(number)
                yield number
        finally:
            closed.set()

    items = read_ahead(counting(), 1)
    assert next(items) == 0
    items.close()
    assert closed.is_set()
    assert len(read) <= 4
