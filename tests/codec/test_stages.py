"""The marks of stages: nesting, and that every stage of encode and decode has them, in every thread."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elastictok_cli import stages
from elastictok_cli.codec.decoder import decode
from elastictok_cli.codec.encoder import encode
from elastictok_cli.codec.header import make_header
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target
from elastictok_cli.container import Reader, Writer
from elastictok_cli.models.registry import load
from elastictok_cli.stages import (
    ENTROPY_CODING,
    MEASURING,
    MODEL,
    MOTION_ESTIMATION,
    OTHER,
    READING,
    SEARCH,
    current_stages,
    stage,
)
from elastictok_cli.video import open_source

from .conftest import moving
from .dct import DctModel


class _Marks(dict[int, Any]):
    """Stands in for the table of stages, and counts what is set: no clock, no chance."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[str, str | None]] = Counter()  # (name of the thread, stage)

    def __setitem__(self, thread: int, name: str | None) -> None:
        self.seen[threading.current_thread().name, name] += 1
        super().__setitem__(thread, name)


@contextmanager
def marks(monkeypatch: pytest.MonkeyPatch) -> Iterator[_Marks]:
    found = _Marks()
    with monkeypatch.context() as patch:
        patch.setattr(stages, "_current", found)
        yield found
    assert not found, "a stage was not left"


def test_an_inner_stage_hides_the_outer_one_until_it_ends() -> None:
    own = threading.get_ident()
    with stage(SEARCH):
        with stage(MODEL):
            assert current_stages()[own] == MODEL
        assert current_stages()[own] == SEARCH
        with stage(None):
            assert own not in current_stages()
            with stage(MODEL):
                assert current_stages()[own] == MODEL
            assert own not in current_stages()
        with pytest.raises(KeyError), stage(MODEL):
            raise KeyError
        assert current_stages()[own] == SEARCH
    assert own not in current_stages()


def test_every_stage_of_encode_and_decode_is_marked(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, out = DctModel(), io.BytesIO()
    settings = EncodeSettings(target=Target.threshold(0.003))
    with marks(monkeypatch) as found, open_source(clip, size="source") as source:
        writer = Writer(out, make_header(source.info, model, settings))
        list(encode(source, model, writer, settings))
    main = {name for thread, name in found.seen if thread == "MainThread"}
    assert main == {OTHER, SEARCH, MODEL, MEASURING, ENTROPY_CODING}
    assert found.seen["elastictok-read-ahead", READING]
    with marks(monkeypatch) as found, Reader(out.getvalue()) as reader:
        list(decode(reader, model))
    assert {name for thread, name in found.seen if thread == "MainThread"} == {MODEL, OTHER}
    assert {name for thread, name in found.seen if thread != "MainThread"} == {READING, ENTROPY_CODING}


@pytest.mark.parametrize("threads", [1, 2])
def test_motion_estimation_of_the_bundled_model_is_marked_in_every_thread(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = load().with_threads(threads)
    state, frames = model.start(32, 48), np.ascontiguousarray(moving(4, width=48, height=32))
    with marks(monkeypatch) as found:
        model.tokens(state, model.prepare(state, frames), qindex=60)
    by_stage = {name: {thread for thread, other in found.seen if other == name} for _, name in found.seen}
    assert set(by_stage) - {None} == {MODEL, MOTION_ESTIMATION}
    if threads == 1:
        assert by_stage[MODEL] == by_stage[MOTION_ESTIMATION] == {"MainThread"}
    else:
        assert by_stage[None] == {"MainThread"}  # it waits for the others
        assert any(thread != "MainThread" for thread in by_stage[MOTION_ESTIMATION])
