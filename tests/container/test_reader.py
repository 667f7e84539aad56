"""Strict reading: every way in which a file can be wrong has its line, and nothing wrong passes."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import os
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from elastictok_cli.container import Reader, Writer, check_file
from elastictok_cli.container.chunks import pack_index, pack_tail
from elastictok_cli.container.fields import uint
from elastictok_cli.container.format import SIGNATURE
from elastictok_cli.container.framing import TAIL_BYTES, pack_chunk
from elastictok_cli.errors import DamagedFile, ElasticTokError, InputError, UnsupportedFile
from elastictok_cli.units import timestamp

from .samples import gop, header, read_all, small

FILE = small()
START = Reader(FILE).start


def flip(data: bytes, at: int, bits: int) -> bytes:
    return data[:at] + bytes([data[at] ^ bits]) + data[at + 1 :]


@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
def test_no_flipped_byte_goes_unnoticed(bits: int) -> None:
    for at in range(len(FILE)):
        with pytest.raises(DamagedFile) as caught:
            read_all(flip(FILE, at, bits))
        assert "\n" not in str(caught.value)


def test_a_damaged_gop_is_named_with_its_time() -> None:
    at = Reader(FILE).index[1].offset + 20
    with pytest.raises(DamagedFile, match=r"^clip: GOP 1 \(00:00\.2-00:00\.3\) fails its checksum; .*--recover"):
        list(Reader(flip(FILE, at, 1), name="clip").gops())


def test_gops_before_the_damage_are_yielded() -> None:
    at = Reader(FILE).index[2].offset + 20
    seen = []
    with pytest.raises(DamagedFile, match="GOP 2"):
        for one in Reader(flip(FILE, at, 1)).gops():
            seen.append(one.first_frame)
    assert seen == [0, 4]


def test_a_cut_file_is_refused_with_one_line_at_every_byte() -> None:
    for cut in range(len(FILE)):
        with pytest.raises(DamagedFile) as caught:
            Reader(FILE[:cut], name="clip")
        line = str(caught.value)
        assert line.startswith("clip: ") and "\n" not in line
        if cut >= len(SIGNATURE):
            assert "--recover" in line and "incomplete" in line


def test_verify_names_every_damaged_gop() -> None:
    index = Reader(FILE).index
    bad = flip(flip(FILE, index[0].offset + 20, 1), index[2].offset + 20, 1)
    findings = check_file(Reader(bad))
    assert [f.gop for f in findings[:2]] == [0, 2]
    assert "fails its checksum" in findings[0].text


def test_verify_notices_a_file_that_is_consistent_but_not_the_one_written() -> None:
    tail = len(FILE) - TAIL_BYTES
    size = struct.unpack_from("<I", FILE, tail + 12)[0]
    forged = FILE[:tail] + pack_chunk(b"TAIL", pack_tail(size, bytes(16)))
    assert ["digest" in f.text for f in check_file(Reader(forged))] == [True]


def test_times_of_a_gop_that_go_past_the_next_ones_are_refused() -> None:
    head, out = header(audio=()), io.BytesIO()
    writer = Writer(out, head)
    one = gop(head, 0)
    writer.write_gop(one)
    writer.write_gop(dataclasses.replace(gop(head, 1), pts=one.pts + 1))
    writer.finish()
    assert "do not rise" in check_file(Reader(out.getvalue()))[0].text
    with pytest.raises(DamagedFile, match=r"GOP 0 .* do not rise"):
        list(Reader(out.getvalue()).items())
    assert len(list(Reader(out.getvalue(), recover=True).gops())) == 2


@pytest.mark.parametrize(
    ("data", "line"),
    [
        (b"", "the file is empty"),
        (
            b"\x00\x00\x00\x20ftypisom" + bytes(60),
            "not an .etok file but an mp4 or mov file; 'elastictok encode'",
        ),
        (b"\x89PNG\r\n\x1a\n" + bytes(60), "a PNG file"),
        (b"hello world, this is a text", "not an .etok file$"),
        (SIGNATURE.replace(b"\r\n", b"\n") + bytes(60), "text mode"),
        (bytes([SIGNATURE[0] & 127]) + SIGNATURE[1:] + bytes(60), "text mode"),
    ],
)
def test_what_is_no_etok_is_told_with_a_hint(data: bytes, line: str) -> None:
    with pytest.raises(DamagedFile, match=f"^clip: .*{line}"):
        Reader(data, name="clip")


def replaced_head(change: Callable[[bytes], bytes]) -> bytes:
    payload = FILE[len(SIGNATURE) + 12 : START - 4]
    return SIGNATURE + pack_chunk(b"HEAD", change(payload)) + FILE[START:]


def test_a_newer_version_is_unsupported_and_not_damaged() -> None:
    with pytest.raises(UnsupportedFile, match=r"^clip: format version 2 is newer than .* \(1\); update elastictok$"):
        Reader(replaced_head(lambda p: uint(2) + b"whatever a later version says"), name="clip")


def test_a_header_with_bytes_too_many_is_refused() -> None:
    with pytest.raises(DamagedFile, match="clip: header: 1 bytes too many"):
        Reader(replaced_head(lambda p: p + b"\0"), name="clip")


def test_a_header_that_cannot_be_is_refused() -> None:
    digest = header().model_digest

    def no_blocks(p: bytes) -> bytes:
        at = p.index(digest) + 16 + 1 + 1 + len("fsq/1")
        return p[:at] + b"\0" + p[at + 1 :]

    with pytest.raises(DamagedFile, match="clip: header: 0 frames in a block"):
        Reader(replaced_head(no_blocks), name="clip")


def rebuilt(middle: bytes, index: bytes | None = None) -> bytes:
    """A consistent file: `middle` between HEAD and INDX, `index` as INDX payload (default: none)."""
    body = FILE[:START] + middle + (chunk := pack_chunk(b"INDX", pack_index([], 0) if index is None else index))
    return body + pack_chunk(b"TAIL", pack_tail(len(chunk), hashlib.sha256(body).digest()))


def with_chunk(kind: bytes) -> bytes:
    """FILE with one more chunk, everything else as it should be."""
    reader = Reader(FILE)
    return rebuilt(FILE[START : reader.stop] + pack_chunk(kind, b"new"), pack_index(reader.index, START))


def test_an_unknown_lower_case_chunk_is_passed_over() -> None:
    data = with_chunk(b"note")
    assert read_all(data) == read_all(FILE)
    assert Reader(data).chunk_bytes["other"] == 0
    assert len(list(Reader(data, recover=True).gops())) == 3


def test_an_unknown_upper_case_chunk_needs_a_newer_elastictok() -> None:
    for recover in (False, True):
        with pytest.raises(UnsupportedFile, match="clip: .*chunk 'Xtra' is of a newer elastictok; update"):
            list(Reader(with_chunk(b"Xtra"), name="clip", recover=recover).gops())


def test_a_second_header_is_refused() -> None:
    with pytest.raises(DamagedFile, match="a second chunk 'HEAD'"):
        list(Reader(with_chunk(b"HEAD")).gops())


def test_a_gop_that_the_index_does_not_have_is_refused() -> None:
    reader = Reader(FILE)
    data = rebuilt(FILE[START : reader.stop], pack_index(reader.index[:2], START))
    with pytest.raises(DamagedFile, match="that the index does not have"):
        list(Reader(data).gops())


def test_an_index_that_claims_the_whole_memory_is_refused() -> None:
    with pytest.raises(DamagedFile, match="1099511627776 GOPs cannot be in 0 bytes"):
        Reader(rebuilt(b"", uint(1 << 40)))


def test_an_index_that_points_outside_is_refused() -> None:
    entry = uint(1) + uint(1 << 20) + uint(9) + uint(4) + uint(0) + uint(0)
    with pytest.raises(DamagedFile, match="index: the gap is 1048576, outside"):
        Reader(rebuilt(b"", entry))


def test_an_index_whose_gops_overlap_the_end_is_refused() -> None:
    entry = uint(1) + uint(0) + uint(1 << 20) + uint(4) + uint(0) + uint(0)
    with pytest.raises(DamagedFile, match="index: GOP 0 would end at byte"):
        Reader(rebuilt(b"", entry))


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (uint(0) + uint(1 << 40), "frame count is 1099511627776"),
        (uint(0) + uint(4) + b"\0\1", "2 blocks of 2 tiles cannot be in 2 bytes"),
        (
            uint(0) + uint(1) + b"\0\1" + uint(65) + b"\0\1" + b"\0\0\0" + bytes(8),
            "token count is 65, outside 0 to 64",
        ),
        (uint(0) + uint(1) + b"\0\1" + b"\0\x04\1" + b"\0\0\0" + bytes(8), "qindex -1 is none of 0"),
        (uint(0) + uint(1) + b"\0\1" + b"\0\0\0" * 2, "token digest needs 4 bytes where 0 are left"),
    ],
)
def test_a_gop_that_lies_is_refused_by_place(payload: bytes, why: str) -> None:
    chunk = pack_chunk(b"GOP ", payload)
    entry = uint(1) + uint(0) + uint(len(payload)) + uint(1) + uint(0) + uint(0)
    with pytest.raises(DamagedFile, match=f"clip: GOP 0 .*: .*{why}"):
        list(Reader(rebuilt(chunk, entry), name="clip").gops())


def test_a_gop_other_than_the_index_describes_is_refused() -> None:
    reader = Reader(FILE)
    entries = [dataclasses.replace(e, tokens=e.tokens + (n == 1)) for n, e in enumerate(reader.index)]
    with pytest.raises(DamagedFile, match=r"clip: GOP 1 .* is not the one that the index describes"):
        list(Reader(rebuilt(FILE[START : reader.stop], pack_index(entries, START)), name="clip").gops())


def test_an_index_that_points_into_another_chunk_is_refused() -> None:
    inner = FILE[START : Reader(FILE).index[0].offset + Reader(FILE).index[0].length + 16]
    outer = pack_chunk(b"note", inner)
    entry = dataclasses.replace(Reader(FILE).index[0], offset=START + 12)
    reader = Reader(rebuilt(outer, pack_index([entry], START)))
    with pytest.raises(DamagedFile, match="do not end where the index starts"):
        list(reader.gops())


def test_a_wild_chunk_length_is_refused_before_it_is_read() -> None:
    start = struct.pack("<4sI", b"HEAD", 0xFFFFFFF0)
    with pytest.raises(DamagedFile, match="header is damaged"):
        Reader(SIGNATURE + start + struct.pack("<I", zlib.crc32(start)) + bytes(100))


def test_metadata_that_unpacks_to_more_than_it_says_is_refused() -> None:
    packed = zlib.compress(b"[" * 10_000_000)
    bomb = uint(1 << 20) + uint(len(packed)) + packed
    with pytest.raises(DamagedFile, match="metadata cannot be read"):
        Reader(replaced_head(lambda p: p[:-1] + bomb))


@pytest.mark.parametrize("text", [b"[1]", b'{"a":NaN}', b"{" * 100, b'{"a":' * 50000 + b"1" + b"}" * 50000, b"\xff"])
def test_metadata_that_is_no_json_object_is_refused(text: bytes) -> None:
    packed = zlib.compress(text)
    with pytest.raises(DamagedFile, match="metadata cannot be read"):
        Reader(replaced_head(lambda p: p[:-1] + uint(len(text)) + uint(len(packed)) + packed))


class OnePass(io.RawIOBase):
    """Standard input from another program: bytes once, in small pieces."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return False

    def read(self, size: int = -1) -> bytes:
        part, self.rest = self.rest[:7], self.rest[7:]
        return part


def test_path_bytes_file_and_pipe_read_the_same(tmp_path: Path) -> None:
    (tmp_path / "a.etok").write_bytes(FILE)
    with open(tmp_path / "a.etok", "rb") as file:
        for source in (tmp_path / "a.etok", str(tmp_path / "a.etok"), FILE, file, OnePass(FILE)):
            with Reader(source) as reader:  # type: ignore[arg-type]
                assert [g.first_frame for g in reader.gops()] == [0, 4, 8]
        assert not file.closed


def test_two_threads_read_one_file() -> None:
    """As frames() and blocks() of one open file do: the file has one position, and each read its own place."""

    class Slow(io.BytesIO):
        def seek(self, at: int, whence: int = 0) -> int:
            found = super().seek(at, whence)
            time.sleep(1e-4)  # the other thread's turn
            return found

    with Reader(Slow(FILE)) as reader, ThreadPoolExecutor(2) as pool:
        wanted = [gop.count for gop in reader.gops()]
        reads = [pool.submit(lambda: [gop.count for gop in reader.gops()]) for _ in range(20)]
        assert all(read.result() == wanted for read in reads)


def test_a_path_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.etok: cannot be opened: No such file"):
        Reader(tmp_path / "none.etok")


def test_an_empty_file_of_no_gops_is_whole() -> None:
    reader = Reader(rebuilt(b""))
    assert (list(reader.gops()), check_file(reader), reader.frames) == ([], [], 0)


def test_items_up_to_a_gop_end_with_what_lies_behind_the_one_before_it() -> None:
    for recover in (False, True):
        with Reader(FILE, recover=recover) as reader:
            whole = [str(item) for item in reader.items()]
            counts = [len(list(reader.items(end=end))) for end in range(len(reader.index) + 1)]
            assert [str(item) for item in reader.items(end=len(reader.index))] == whole
            starts = [i for i, item in enumerate(reader.items()) if not isinstance(item, tuple)]
        assert counts == [*starts, len(whole)]


def test_items_from_a_gop_on_start_with_it() -> None:
    items = list(Reader(FILE).items(first=2))
    assert [getattr(i, "first_frame", "sound") for i in items] == [8, "sound"]


def test_clock_times_read_well() -> None:
    assert [timestamp(s) for s in (34.04, 59.96, 3600, -1.5)] == ["00:34.0", "01:00.0", "1:00:00.0", "-00:01.5"]


def test_block_tables_need_neither_torch_nor_numba(tmp_path: Path) -> None:
    (tmp_path / "a.etok").write_bytes(FILE)
    script = (
        "import sys\n"
        "from elastictok_cli.container import Reader, check_file\n"
        f"r = Reader({str(tmp_path / 'a.etok')!r})\n"
        "print(len(list(r.blocks())), len(list(r.audio())), check_file(r), sum(r.chunk_bytes.values()))\n"
        "print([m for m in ('torch', 'numba', 'av', 'matplotlib') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=os.environ)
    assert out.stdout.splitlines() == [f"6 9 [] {len(FILE)}", "[]"]


def test_every_error_is_an_elastictok_error_whatever_the_bytes(tmp_path: Path) -> None:
    # Bytes moved, doubled, taken away: checksums of single places then still hold.
    for at in range(START + 1, len(FILE), 5):
        for data in (FILE[:at] + FILE[at + 1 :], FILE[:at] + b"\0" + FILE[at:], FILE[:at] + FILE[START:]):
            with pytest.raises(ElasticTokError):
                read_all(data)
