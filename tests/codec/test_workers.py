"""Several processes change no byte, keep the order, and leave nothing behind."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elastictok_cli.codec.decoder import decode_blocks
from elastictok_cli.codec.encoder import encode
from elastictok_cli.codec.events import BlockDone, BlockEarly, ProbeDone
from elastictok_cli.codec.gop_decoder import DecodedBlock
from elastictok_cli.codec.header import make_header
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target
from elastictok_cli.codec.workers import OutOfOrder, Part, Passthrough, in_order
from elastictok_cli.container import Reader, Writer, part_path
from elastictok_cli.errors import DamagedFile, ElasticTokError, InputError, ThresholdMissed
from elastictok_cli.video import open_source

from .dct import DctModel
from .runs import blocks_of, encoded, shown, totals_of
from .worker_jobs import Dies, Echo, Fails, Looks


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Other processes find the models and jobs of the tests, and none of them is left."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1]))
    threads = threading.active_count()
    yield
    assert multiprocessing.active_children() == []
    assert threading.active_count() == threads


def ordered(messages: Iterator[Any]) -> list[Any]:
    return [message for message in messages if not isinstance(message, OutOfOrder)]


def numbers(count: int, each: int = 2) -> Iterator[Part]:
    return (Part(number // each, number) for number in range(count))


@pytest.mark.parametrize("name", ["clip", "loud_clip"])
def test_jobs_change_no_byte_and_no_event(name: str, request: pytest.FixtureRequest) -> None:
    path: Path = request.getfixturevalue(name)
    model = DctModel()
    alone, one = encoded(path, model)
    together, two = encoded(path, model, jobs=2)
    assert together == alone
    assert blocks_of(two) == blocks_of(one)
    assert totals_of(two).tokens == totals_of(one).tokens
    assert {event.index for event in two if isinstance(event, BlockEarly)} <= {block.index for block in blocks_of(two)}


def test_probes_are_reported_block_after_block(clip: Path) -> None:
    one: list[ProbeDone] = []
    two: list[ProbeDone] = []
    encoded(clip, DctModel(), on_probe=one.append)
    encoded(clip, DctModel(), on_probe=two.append, jobs=2)
    assert two == one


def test_a_run_resumed_by_several_jobs_writes_the_same_bytes(loud_clip: Path, tmp_path: Path) -> None:
    model, target, out = DctModel(), Target.threshold(0.003), tmp_path / "out.etok"
    whole, _ = encoded(loud_clip, model, target)
    settings = EncodeSettings(target=target, jobs=2)
    for last in (False, True):
        with open_source(loud_clip, size="source") as source:
            writer, done = Writer.resume(out, make_header(source.info, model, settings))
            events = encode(source, model, writer, settings, done=done)
            for event in events:
                if not last and isinstance(event, BlockDone) and event.index == 6:
                    break
            events.close()
            writer.abort(keep_part=True)
    assert [gop.frames for gop in done] == [6]  # with sound the last whole one is written again
    assert out.read_bytes() == whole
    assert not part_path(out).exists()


def test_strict_stops_at_the_same_block(clip: Path) -> None:
    said = []
    for jobs in (1, 2):
        with pytest.raises(ThresholdMissed) as caught:
            encoded(clip, DctModel(num_qindex=0), Target.threshold(0.0001), strict=True, jobs=jobs)
        said.append(str(caught.value))
    assert said[0] == said[1]


def test_decoding_in_several_processes_shows_the_same(loud_clip: Path) -> None:
    etok, _ = encoded(loud_clip, DctModel())
    with Reader(etok) as reader:
        one = list(decode_blocks(reader, DctModel()))
        two = list(decode_blocks(reader, DctModel(), jobs=2))
    assert [isinstance(item, DecodedBlock) for item in two] == [isinstance(item, DecodedBlock) for item in one]
    for a, b in zip(one, two, strict=True):
        if isinstance(a, DecodedBlock) and isinstance(b, DecodedBlock):
            assert (a.index, a.gop, a.first_frame, a.pts, a.record) == (b.index, b.gop, b.first_frame, b.pts, b.record)
            assert np.array_equal(a.frames, b.frames)
        else:
            assert a == b


def test_damage_comes_after_what_was_whole_before_it(clip: Path) -> None:
    etok, _ = encoded(clip, DctModel())
    with Reader(etok) as reader:
        entry = reader.index[1]
    bad = bytearray(etok)
    bad[entry.offset + 40] ^= 1
    seen = []
    with Reader(bytes(bad)) as reader, pytest.raises(DamagedFile, match="GOP 1"):
        for item in decode_blocks(reader, DctModel(), jobs=2):
            seen.append(item)
    assert len(seen) == 3
    assert np.array_equal(seen[0].frames, shown(etok, DctModel())[0].frames)


def test_results_keep_their_order_and_early_ones_are_reported(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    said = []
    for message in in_order(numbers(6), Echo(slow=0, gate=str(gate)), 2, 2):
        said.append(message)
        gate.touch()  # after the first message, which comes before its turn
    assert isinstance(said[0], OutOfOrder)
    assert ordered(iter(said)) == [0, 1, 2, 3, 4, 5]


def test_no_more_tasks_are_read_than_processes_and_two(tmp_path: Path) -> None:
    gate, read = tmp_path / "gate", []

    def parts() -> Iterator[Part]:
        for number in range(20):
            read.append(number)
            yield Part(number, number)

    begun = []
    for message in in_order(parts(), Echo(slow=0, gate=str(gate)), 2, 2):
        if isinstance(message, OutOfOrder):
            begun.append(message.value)
        if begun == [1, 2, 3] and not gate.exists():  # all that may be started while the first one waits
            assert max(read) <= 4  # and the first part of the next one
            gate.touch()
    assert begun[:3] == [1, 2, 3]
    assert read == list(range(20))


def test_a_passthrough_keeps_its_place() -> None:
    items = [Passthrough("a"), Part(0, 0), Passthrough("b"), Part(1, 1), Part(1, 2), Passthrough("c")]
    assert ordered(in_order(iter(items), Echo(), 2, 2)) == ["a", 0, "b", 1, 2, "c"]


def test_an_error_comes_in_its_place() -> None:
    seen = []
    with pytest.raises(InputError, match="no three"):
        for message in in_order(numbers(8), Fails(), 2, 2):
            if not isinstance(message, OutOfOrder):
                seen.append(message)
    assert seen == [0, 1, 2]


def test_an_error_of_the_input_comes_in_its_place() -> None:
    def parts() -> Iterator[Part]:
        yield from numbers(4)
        raise InputError("cut off")

    seen = []
    with pytest.raises(InputError, match="cut off"):
        for message in in_order(parts(), Echo(), 2, 2):
            if not isinstance(message, OutOfOrder):
                seen.append(message)
    assert seen == [0, 1, 2, 3]


def test_a_process_that_dies_is_reported_in_one_line() -> None:
    with pytest.raises(ElasticTokError, match=r"ended \(killed; often .* memory runs out\); `jobs` 1 does without"):
        list(in_order(numbers(4), Dies(), 2, 2))


def test_a_process_that_cannot_be_started_is_reported_and_not_waited_for() -> None:
    """A worker of multiprocessing.Pool may have no processes of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.apply_async(in_a_pool).get(60).startswith("no other process can be started: daemonic")


def in_a_pool() -> str:
    """What is raised there."""
    try:
        list(in_order(numbers(4), Echo(), 2, 2))
    except ElasticTokError as error:
        return str(error)
    return ""


def test_a_closed_run_ends_its_processes(tmp_path: Path) -> None:
    messages = in_order(numbers(8), Echo(slow=4, gate=str(tmp_path / "never")), 2, 2)
    next(messages)
    messages.close()


def test_processes_load_nothing_needless_and_share_the_threads() -> None:
    said = ordered(in_order(iter([Part(0, 2), Part(1, 2)]), Looks(), 2, 4))
    assert [tuple(one[:2]) for one in said] == [([], "1")] * 2
    # Half of the threads each; all four for one that starts when the other has ended already.
    assert min(one[2] for one in said) == 2 and {one[2] for one in said} <= {2, 4}
    (alone,) = ordered(in_order(iter([Part(0, 4)]), Looks(), 2, 4))  # the other one has nothing to do
    assert alone == ([], "1", 4)


def test_a_source_without_frames_is_reported_as_with_one_job(tmp_path: Path) -> None:
    (tmp_path / "x.mp4").write_bytes(b"")
    with pytest.raises(InputError, match="empty"):
        encoded(tmp_path / "x.mp4", DctModel(), jobs=2)
