"""The loop of a batch on this machine: every file ends once, whatever happens to it or to the process at work on it."""

from __future__ import annotations

import json
import multiprocessing
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from codec.dct import DctModel

from elastictok_cli import api
from elastictok_cli.batch import work
from elastictok_cli.batch.engine import LocalEngine
from elastictok_cli.batch.plan import plan
from elastictok_cli.batch.results import Journal, save_table
from elastictok_cli.batch.row import Row
from elastictok_cli.batch.run import BatchEvent, FileDone, Retried, run
from elastictok_cli.batch.work import Progress, Task, do
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target
from elastictok_cli.container import Reader
from elastictok_cli.models.registry import load

from .broken import Deadly

SETTINGS = EncodeSettings(target=Target.threshold(0.01), size="source")
Make = Callable[..., Path]
TINY = Path(__file__).parents[1] / "conformance" / "tiny-fsq.safetensors"


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert multiprocessing.active_children() == []


def batch(
    source: Path, out: Path, model: Any = None, settings: EncodeSettings = SETTINGS, workers: int = 1, **options: Any
) -> list[BatchEvent]:
    with Journal(out) as journal:
        engine = LocalEngine(settings, model or DctModel(), workers)
        return list(run(plan([str(source)]), out, engine, journal, **options))


def stopped(source: Path, out: Path) -> None:
    """A batch that is stopped when its first file has ended."""
    with Journal(out) as journal:
        events = run(plan([str(source)]), out, LocalEngine(SETTINGS, DctModel(), 1), journal)
        next(event for event in events if isinstance(event, FileDone))
        events.close()


def rows(events: list[BatchEvent]) -> dict[str, Row]:
    ended = [event.row for event in events if isinstance(event, FileDone)]
    assert max(Counter(row.output for row in ended).values()) == 1
    return {row.output: row for row in ended}


def alone(source: Path, tmp_path: Path) -> bytes:
    """What `encode` makes of a file."""
    out = tmp_path / "alone.etok"
    api.encode(source, out, model=DctModel(), target=SETTINGS.target, size="source", overwrite=True)
    return out.read_bytes()


def test_the_tree_is_mirrored_with_the_bytes_of_encode(tree: Path, tmp_path: Path) -> None:
    done = rows(batch(tree, tmp_path / "out", workers=2))
    assert {name: row.status for name, row in done.items()} == dict.fromkeys(
        ["a.etok", "sub/b.etok", "sub/deep/c.etok"], "done"
    )
    for name in done:
        source = (tree / name).with_suffix(".mkv")
        assert (tmp_path / "out" / name).read_bytes() == alone(source, tmp_path)
        with Reader(tmp_path / "out" / name) as reader:
            assert (done[name].frames, done[name].bytes_out) == (reader.frames, reader.store.size)


def test_a_second_run_skips_what_is_as_before(tree: Path, make: Make, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = rows(batch(tree, out))
    make(tree / "a.mkv", seed=9)  # another content
    (out / "sub/b.etok").unlink()  # gone
    again = rows(batch(tree, out))
    assert {name: row.status for name, row in again.items()} == {
        "a.etok": "done", "sub/b.etok": "done", "sub/deep/c.etok": "skipped",
    }  # fmt: skip
    assert again["sub/deep/c.etok"].tokens == first["sub/deep/c.etok"].tokens
    other = rows(batch(tree, out, settings=EncodeSettings(target=Target.threshold(0.02), size="source")))
    assert {row.status for row in other.values()} == {"done"}  # other options


def test_settings_tell_the_precision_of_a_model_apart() -> None:
    """The weights are the same, the bytes of an output are not."""
    models = [load(TINY, "cpu", precision) for precision in ("float32", "bfloat16")]
    assert models[0].spec.digest == models[1].spec.digest
    one, two = map(SETTINGS.fingerprint, models)
    assert one != two and one == SETTINGS.fingerprint(load(TINY, "cpu"))


def test_an_output_of_somebody_else_stays_unless_forced(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "a.etok").write_bytes(b"precious")
    row = rows(batch(tree, out))["a.etok"]
    assert (row.status, row.exit_code) == ("failed", 6)
    assert "already exists" in row.error and (out / "a.etok").read_bytes() == b"precious"
    assert rows(batch(tree, out, replace_others=True))["a.etok"].status == "done"


def test_what_a_batch_made_and_somebody_changed_stays_unless_forced(tree: Path, tmp_path: Path) -> None:
    out, others = tmp_path / "out", tmp_path / "others.etok"
    batch(tree / "a.mkv", out)
    ours = (out / "a.etok").read_bytes()
    api.encode(tree / "a.mkv", others, model=DctModel(), target=Target.threshold(0.1), size="source")
    coarser = EncodeSettings(target=Target.threshold(0.02), size="source")
    for there, settings in ((b"mine now", SETTINGS), (others.read_bytes(), SETTINGS), (b"x" * len(ours), coarser)):
        (out / "a.etok").write_bytes(there)
        for _ in range(2):  # that it failed does not make it the batch's
            row = rows(batch(tree / "a.mkv", out, settings=settings))["a.etok"]
            assert (row.status, row.exit_code, row.digest) == ("failed", 6, "")
            assert "already exists" in row.error and (out / "a.etok").read_bytes() == there
        assert rows(batch(tree / "a.mkv", out, replace_others=True))["a.etok"].status == "done"
        assert (out / "a.etok").read_bytes() == ours


def test_a_report_of_before_outputs_had_a_digest_goes_by_their_size(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    batch(tree / "a.mkv", out)
    journal = out / "results.jsonl"
    row = json.loads(journal.read_text())
    assert row.pop("output_digest")
    journal.write_text(json.dumps(row) + "\n")
    (again,) = rows(batch(tree / "a.mkv", out)).values()
    assert again.status == "skipped" and again.output_digest
    journal.write_text(json.dumps(row) + "\n")
    (out / "a.etok").write_bytes((out / "a.etok").read_bytes() + b"more")
    assert rows(batch(tree / "a.mkv", out))["a.etok"].exit_code == 6


def test_a_file_made_again_by_a_run_killed_before_it_could_enter_it_is_its_own(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    batch(tree, out)
    before = (out / "results.jsonl").read_text()
    coarser = EncodeSettings(target=Target.threshold(0.02), size="source")
    with Journal(out) as journal:
        events = run(plan([str(tree)]), out, LocalEngine(coarser, DctModel(), 1), journal)
        next(event for event in events if isinstance(event, FileDone))
        events.close()
    # As if it had not come to enter it.
    (out / "results.jsonl").write_text(before)
    lines = (out / "results.begun").read_text().splitlines(keepends=True)
    (out / "results.begun").write_text("".join(line for line in lines if not line.startswith("[")))
    assert {row.status for row in rows(batch(tree, out, settings=coarser)).values()} == {"done"}


def test_a_file_over_its_size_is_kept_and_known_for_the_batchs_own(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    settings = EncodeSettings(target=Target.size(310), size="source")
    tries = [rows(batch(tree / "a.mkv", out, settings=settings))["a.etok"] for _ in range(2)]
    for row in tries:
        assert (row.status, row.exit_code) == ("failed", 7) and "over what was asked for" in row.error
        assert row.digest and row.bytes_out == (out / "a.etok").stat().st_size
    assert rows(batch(tree / "a.mkv", out))["a.etok"].status == "done"


def test_what_an_earlier_batch_made_stays_its_own_when_a_later_one_fails(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    batch(tree / "a.mkv", out)
    strict = EncodeSettings(target=Target.threshold(1e-9), size="source", strict=True)
    assert rows(batch(tree / "a.mkv", out, settings=strict))["a.etok"].exit_code == 7
    assert rows(batch(tree / "a.mkv", out))["a.etok"].status == "done"
    (out / "a.etok").unlink()
    assert rows(batch(tree / "a.mkv", out, settings=strict))["a.etok"].exit_code == 7
    (out / "a.etok").write_bytes(b"precious")  # somebody else's, put where the batch has nothing
    assert rows(batch(tree / "a.mkv", out))["a.etok"].exit_code == 6


def test_a_file_that_is_cut_off_in_an_earlier_batch_is_made_again(tree: Path, tmp_path: Path) -> None:
    batch(tree, tmp_path / "out")
    whole = (tmp_path / "out/a.etok").read_bytes()
    (tmp_path / "out/a.etok").write_bytes(whole[:-20])
    assert rows(batch(tree, tmp_path / "out"))["a.etok"].status == "done"
    assert (tmp_path / "out/a.etok").read_bytes() == whole


def test_a_long_file_goes_in_ranges_to_the_same_bytes(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "in.mkv", 200, sound=True)  # 33 GOPs of six frames and one of two
    monkeypatch.setattr(work, "RANGE_GOPS", 8)
    events = batch(tmp_path / "in.mkv", tmp_path / "out", workers=3)
    assert sum(event.frames for event in events if isinstance(event, Progress)) == 200
    assert (tmp_path / "out/in.etok").read_bytes() == alone(tmp_path / "in.mkv", tmp_path)
    row = rows(events)["in.etok"]
    assert (row.frames, row.blocks, row.attempts) == (200, 100, 1)


def test_a_long_file_is_split_and_a_short_one_is_not(make: Make, tmp_path: Path) -> None:
    make(tmp_path / "in.mkv", 200)
    model = DctModel()
    task = Task(0, str(tmp_path / "in.mkv"), str(tmp_path / "out.etok"), split=3)
    assert do(task, SETTINGS, model, lambda _: None) == work.Split(((0, 11), (11, 11), (22, None)))
    make(tmp_path / "short.mkv", 20)
    parts = tuple(do(replace(task, part=part), SETTINGS, model, lambda _: None) for part in ((0, 11), (11, None)))
    row = do(replace(task, ranges=parts), SETTINGS, model, lambda _: None)
    assert row.seconds > sum(part.seconds for part in parts) > 0  # of all work, not only of putting it together
    short = Task(0, str(tmp_path / "short.mkv"), str(tmp_path / "short.etok"), split=3)
    assert isinstance(do(short, SETTINGS, model, lambda _: None), Row)


def test_a_process_that_dies_costs_its_file_a_try_and_nothing_else(tree: Path, tmp_path: Path) -> None:
    fuse = tmp_path / "fuse"
    fuse.write_bytes(b"xx")
    events = batch(tree, tmp_path / "out", Deadly(str(fuse)))
    assert sum(isinstance(event, Retried) for event in events) == 2
    assert {row.status for row in rows(events).values()} == {"done"}
    assert sum(row.attempts for row in rows(events).values()) == 5


def test_retries_have_an_end(tree: Path, tmp_path: Path) -> None:
    fuse = tmp_path / "fuse"
    fuse.write_bytes(b"x" * 100)
    events = batch(tree / "a.mkv", tmp_path / "out", Deadly(str(fuse)), retries=2)
    (row,) = rows(events).values()
    assert (row.status, row.attempts) == ("failed", 3)
    assert "the process at work on it ended (killed" in row.error
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["results.jsonl"]


def errors_in_a_pool(source: Path, out: Path) -> list[str]:
    return [row.error for row in rows(batch(source, out, retries=1)).values()]


def test_a_process_that_cannot_be_started_fails_the_file(tree: Path, tmp_path: Path) -> None:
    """A worker of multiprocessing.Pool may have no processes of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (error,) = pool.apply_async(errors_in_a_pool, (tree / "a.mkv", tmp_path / "out")).get(60)
    assert "no other process can be started: daemonic" in error


def test_fail_fast_ends_with_the_first_that_fails(tree: Path, tmp_path: Path) -> None:
    for number in range(20):
        (tree / f"{number}.mp4").write_bytes(b"x" * 100_000)  # the largest come first
    events = batch(tree, tmp_path / "out", fail_fast=True)
    assert [event.row.status for event in events if isinstance(event, FileDone)] == ["failed"]


def test_a_run_that_is_stopped_leaves_no_half_file_and_goes_on(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stopped(tree, out)
    assert not list(out.rglob("*.part"))
    again = rows(batch(tree, out))
    assert Counter(row.status for row in again.values())["skipped"] >= 1
    assert all(row.is_there for row in again.values())


def test_a_journal_whose_last_line_is_torn_is_read(tree: Path, tmp_path: Path) -> None:
    batch(tree, tmp_path / "out")
    journal = tmp_path / "out/results.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(lines[:-1]) + lines[-1][:40])
    again = rows(batch(tree, tmp_path / "out", replace_others=True))
    assert Counter(row.status for row in again.values()) == {"skipped": 2, "done": 1}
    with Journal(tmp_path / "out") as read:
        assert len(read.rows) == 3


def test_a_run_killed_before_it_could_enter_a_file_knows_it_for_its_own(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stopped(tree, out)
    (entered,) = (json.loads(line)["output"] for line in (out / "results.jsonl").read_text().splitlines())
    ours = next(name for name in ["a.etok", "sub/b.etok", "sub/deep/c.etok"] if name != entered)
    (out / ours).parent.mkdir(parents=True, exist_ok=True)
    (out / ours).write_bytes(b"whole, and in no line of the journal")
    assert rows(batch(tree, out))[ours].status == "done"
    assert not (out / "results.begun").exists()


def test_what_a_stopped_run_had_entered_is_not_its_own_once_it_is_changed(tree: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    stopped(tree, out)
    assert (out / "results.begun").exists()
    (entered,) = (json.loads(line)["output"] for line in (out / "results.jsonl").read_text().splitlines())
    (out / entered).write_bytes(b"somebody else's by now" * 1000)
    row = rows(batch(tree, out))[entered]
    assert row.status == "failed" and "is not from an earlier batch" in row.error
    assert (out / entered).read_bytes().startswith(b"somebody else's")


def test_a_torn_line_costs_no_line_after_it(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/results.jsonl").write_text('{"source": "x", "outp')
    batch(tree, tmp_path / "out")
    assert {row.status for row in rows(batch(tree, tmp_path / "out")).values()} == {"skipped"}


def test_a_thousand_files_of_which_fifty_are_damaged(make: Make, tmp_path: Path) -> None:
    """Each damaged one is named, all others are there."""
    folder, rng = tmp_path / "in", random.Random(0)
    folder.mkdir()
    whole = [make(tmp_path / f"{seed}.mkv", 2, seed).read_bytes() for seed in range(5)]
    hurt = set(rng.sample(range(1000), 50))
    for number in range(1000):
        data = whole[number % 5]
        if number in hurt:
            data = rng.choice([b"", data[:200], rng.randbytes(2000), b"text, and no video\n" * 20])
        (folder / f"{number:04d}.mkv").write_bytes(data)
    done = rows(batch(folder, tmp_path / "out", workers=2))
    failed = {name for name, row in done.items() if row.status == "failed"}
    assert failed == {f"{number:04d}.etok" for number in hurt}
    assert len(done) == 1000 and all(done[name].error for name in failed)
    outputs = {path.name for path in (tmp_path / "out").glob("*.etok")}
    assert outputs == done.keys() - failed
    kinds = {(tmp_path / "out" / name).read_bytes() for name in outputs}
    assert kinds == {alone(tmp_path / f"{seed}.mkv", tmp_path) for seed in range(5)}
    assert len((tmp_path / "out/results.jsonl").read_text().splitlines()) == 1000


def test_the_table_has_a_row_for_each_file_and_real_types(tree: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    done = rows(batch(tree, tmp_path / "out"))
    assert save_table(tmp_path / "t.parquet", done.values())
    table = parquet.read_table(tmp_path / "t.parquet")
    assert table.num_rows == 3
    assert str(table.schema.field("tokens").type) == "int64" and str(table.schema.field("mse").type) == "double"
    assert table.to_pylist()[0] == json.loads(json.dumps(next(iter(done.values())).__dict__))


def test_nothing_that_is_met_here_is_a_fault_of_the_batch(tmp_path: Path) -> None:
    """What a piece of work raises comes back as an outcome."""
    outcome = do(Task(0, str(tmp_path / "none.mp4"), str(tmp_path / "x.etok")), SETTINGS, DctModel(), lambda _: None)
    assert isinstance(outcome, work.Failed) and "none.mp4" in outcome.text
