"""Writing: whole or not at all, and the same bytes however it came about."""

from __future__ import annotations

import dataclasses
import errno
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from elastictok_cli.container import Gop, Reader, Writer, check_file, part_path
from elastictok_cli.errors import OutputError, UsageError
from elastictok_cli.types import AudioPacket

from .samples import facts, gop, gops, header, small, sound, write


class Pipe(io.RawIOBase):
    """Standard output that leads into another program: takes bytes and nothing else."""

    def __init__(self) -> None:
        self.data = b""

    def writable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += bytes(data)
        return len(data)


def test_a_file_and_a_pipe_get_the_same_bytes(tmp_path: Path) -> None:
    head, pipe = header(), Pipe()
    size = write(Writer(tmp_path / "a.etok", head), gops(head))
    write(Writer(pipe, head), gops(head))  # type: ignore[arg-type]
    assert (tmp_path / "a.etok").read_bytes() == pipe.data == small()
    assert size == len(pipe.data)


def test_an_old_file_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path, head = tmp_path / "a.etok", header()
    path.write_bytes(b"old")
    writer = Writer(path, head)
    writer.write_gop(gop(head, 0))
    assert path.read_bytes() == b"old"
    writer.finish()
    assert Reader(path.read_bytes()).frames == 4
    assert list(tmp_path.iterdir()) == [path]


def test_leaving_without_finish_leaves_nothing_behind(tmp_path: Path) -> None:
    path, head = tmp_path / "a.etok", header()
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), Writer(path, head) as writer:
        writer.write_gop(gop(head, 0))
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_abort_can_keep_the_part_for_resume(tmp_path: Path) -> None:
    writer = Writer(tmp_path / "a.etok", header())
    writer.abort(keep_part=True)
    assert list(tmp_path.iterdir()) == [part_path(tmp_path / "a.etok")]


def test_a_second_run_to_one_name_does_not_mix_with_the_first(tmp_path: Path) -> None:
    path, head = tmp_path / "a.etok", header()
    lost = Writer(path, head)
    first, second = Writer(path, head), Writer(path, head)
    lost.abort()  # must not take the other's file with it
    write(second, gops(head, 2))
    with pytest.raises(OutputError, match=r"a\.etok: another run is writing to the same name"):
        write(first, gops(head, 3))
    first.abort()
    assert path.read_bytes() == small(2)


def test_an_output_that_fills_up_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with (
        pytest.raises(OutputError, match=r"a\.etok: cannot be written: no space left"),
        Writer(tmp_path / "a.etok", header()) as writer,
    ):
        writer.finish()
    assert list(tmp_path.iterdir()) == []


def test_a_link_stays_and_the_file_behind_it_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    behind, link = tmp_path / "far" / "a.etok", tmp_path / "a.etok"
    behind.write_bytes(b"older")
    link.symlink_to(behind)
    with Writer(link, header()) as writer:
        assert part_path(link).parent == behind.parent and part_path(link).exists()
        write(writer, gops(header()))
    assert link.is_symlink() and behind.read_bytes() == small()
    assert [path.name for path in behind.parent.iterdir()] == ["a.etok"]


def test_what_is_replaced_keeps_its_permissions(tmp_path: Path) -> None:
    path = tmp_path / "a.etok"
    path.write_bytes(b"older")
    path.chmod(0o600)
    write(Writer(path, header()), gops(header()))
    assert path.read_bytes() == small() and path.stat().st_mode & 0o777 == 0o600


def test_a_pipe_is_not_replaced_by_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.etok")
    with pytest.raises(OutputError, match="cannot be written: it is a device or a pipe"):
        Writer(tmp_path / "a.etok", header())
    assert (tmp_path / "a.etok").is_fifo()


def test_a_folder_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written: it is a folder"):
        Writer(tmp_path, header())
    assert not part_path(tmp_path).exists()


def test_a_folder_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"a\.etok: cannot be written: No such file"):
        Writer(tmp_path / "nowhere" / "a.etok", header())


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "output: cannot be written: no space left"),
        (BrokenPipeError(), "the program that reads the output has ended"),
    ],
)
def test_what_the_system_says_is_one_line(error: OSError, line: str) -> None:
    class Full(io.BytesIO):
        def write(self, data: bytes) -> int:  # type: ignore[override]
            raise error

    with pytest.raises(OutputError, match=f"^{line}$"):
        Writer(Full(), header())


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda g: dataclasses.replace(g, first_frame=4), "starts at frame 4, 0 are written"),
        (lambda g: dataclasses.replace(g, pts=g.pts[:3]), "no GOP of 3 frames"),
        (lambda g: dataclasses.replace(g, blocks=g.blocks[:1]), "no GOP of 4 frames"),
        (
            lambda g: dataclasses.replace(
                g, blocks=(g.blocks[0], dataclasses.replace(g.blocks[1], tiles=(), tile_shares=()))
            ),
            "2 tiles",
        ),
    ],
)
def test_a_gop_that_the_header_does_not_announce_is_refused(change: Callable[[Gop], Gop], why: str) -> None:
    head = header()
    with pytest.raises(ValueError, match=why):
        Writer(io.BytesIO(), head).write_gop(change(gop(head, 0)))


def test_sound_of_a_stream_that_is_not_announced_is_refused() -> None:
    with pytest.raises(ValueError, match="audio stream 1 is none of 1"):
        Writer(io.BytesIO(), header()).write_audio([AudioPacket(stream=1, pts=0, dts=0, duration=0, flags=1, data=b"")])


def test_much_sound_is_split_into_chunks_that_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elastictok_cli.container.writer.AUDIO_SPLIT", 100)
    head, out = header(), io.BytesIO()
    writer = Writer(out, head)
    writer.write_gop(gop(head, 0))
    packets = [AudioPacket(stream=0, pts=i, dts=i, duration=1, flags=1, data=bytes(40)) for i in range(7)]
    writer.write_audio(packets)
    writer.finish()
    reader = Reader(out.getvalue())
    assert list(reader.audio()) == packets
    assert len([x for x in reader.items() if isinstance(x, tuple)]) == 7


# --- resume


@pytest.mark.parametrize("with_sound", [True, False])
def test_resume_from_any_byte_gives_the_same_file(tmp_path: Path, with_sound: bool) -> None:
    head = header() if with_sound else header(audio=())
    items, path = gops(head), tmp_path / "a.etok"
    write(Writer(path, head), items)
    whole = path.read_bytes()
    seen = set()
    for cut in range(len(whole) + 1):
        part_path(path).write_bytes(whole[:cut])
        writer, kept = Writer.resume(path, head)
        seen.add(len(kept))
        assert [facts(g)[:3] for g in kept] == [facts(g)[:3] for g in Reader(whole).gops()][: len(kept)]
        if with_sound:
            assert writer.audio_packets == [3 * len(kept)]
        write(writer, items, skip=len(kept))
        assert path.read_bytes() == whole
        assert not part_path(path).exists()
    assert seen == {0, 1, 2}  # the last one is not full, and made again


def test_resume_keeps_what_is_whole_before_damage(tmp_path: Path) -> None:
    head = header(audio=())
    items, path = gops(head), tmp_path / "a.etok"
    write(Writer(path, head), items)
    whole = bytearray(path.read_bytes())
    second = Reader(bytes(whole)).index[1].offset
    whole[second + 20] ^= 1
    part_path(path).write_bytes(whole)
    writer, kept = Writer.resume(path, head)
    assert len(kept) == 1
    write(writer, items, skip=1)
    assert check_file(Reader(path.read_bytes())) == []


def test_resume_refuses_a_part_of_other_options(tmp_path: Path) -> None:
    path = tmp_path / "a.etok"
    Writer(path, header()).abort(keep_part=True)
    before = part_path(path).read_bytes()
    with pytest.raises(UsageError, match="other options, another input.*leave `resume` out"):
        Writer.resume(path, header(threshold=0.003))
    assert part_path(path).read_bytes() == before


def test_resume_without_a_part_starts_afresh(tmp_path: Path) -> None:
    head = header()
    writer, kept = Writer.resume(tmp_path / "a.etok", head)
    assert kept == []
    write(writer, gops(head))
    assert (tmp_path / "a.etok").read_bytes() == small()


def test_what_is_written_survives_the_process_gop_by_gop(tmp_path: Path) -> None:
    path, head = tmp_path / "a.etok", header()
    writer = Writer(path, head)
    writer.write_gop(gop(head, 0))
    writer.write_audio(sound(0))
    writer.write_gop(gop(head, 1))
    found = Reader(part_path(path).read_bytes(), recover=True)  # what another process would see now
    assert len(found.index) == 2
    writer.abort()
