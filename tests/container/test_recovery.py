"""Recovery: every whole GOP comes back, whatever happened to the rest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from elastictok_cli.container import Reader, check_file
from elastictok_cli.container.framing import CHUNK_EXTRA, pack_chunk
from elastictok_cli.container.store import FileStore
from elastictok_cli.errors import DamagedFile, ElasticTokError

from .samples import facts, small

FILE = small(4)
WHOLE = Reader(FILE)
GOPS = [facts(g) for g in WHOLE.gops()]
SPANS = [(e.offset, e.offset + e.length + CHUNK_EXTRA) for e in WHOLE.index]


def recovered(data: bytes) -> list[object]:
    with Reader(data, recover=True) as reader:
        list(reader.audio())
        return [facts(g) for g in reader.gops()]


def test_a_file_cut_at_any_byte_gives_every_gop_before_the_cut() -> None:
    for cut in range(len(FILE)):
        if cut < WHOLE.start:
            with pytest.raises(DamagedFile):
                Reader(FILE[:cut], recover=True)
            continue
        reader = Reader(FILE[:cut], recover=True)
        assert [facts(g) for g in reader.gops()] == GOPS[: sum(end <= cut for _, end in SPANS)]
        assert any("end is missing" in f.text for f in reader.findings)


def test_a_flipped_byte_costs_no_gop_but_its_own() -> None:
    for at in range(len(FILE)):
        data = FILE[:at] + bytes([FILE[at] ^ 0x10]) + FILE[at + 1 :]
        reader = Reader(data, recover=True)
        assert reader.header == WHOLE.header
        assert [facts(g) for g in reader.gops()] == [
            g for g, (start, end) in zip(GOPS, SPANS, strict=True) if not start <= at < end
        ]
        assert reader.findings and check_file(reader) == reader.findings


@pytest.mark.parametrize("bits", [0x01, 0x80, 0xFF])
@pytest.mark.parametrize("end", [len(FILE), len(FILE) - 1], ids=["whole", "cut"])
def test_one_damaged_byte_of_the_header_is_put_right_and_told(bits: int, end: int) -> None:
    for at in range(8, WHOLE.start):
        data = FILE[:at] + bytes([FILE[at] ^ bits]) + FILE[at + 1 : end]
        reader = Reader(data, recover=True)
        assert (reader.header, reader.start) == (WHOLE.header, WHOLE.start)
        assert f"byte {at} of its header is damaged" in reader.findings[0].text
        assert [facts(g) for g in reader.gops()] == GOPS


def test_a_header_with_more_damage_is_refused_and_not_guessed() -> None:
    random = np.random.default_rng(1)
    for _ in range(300):
        data = bytearray(FILE)
        for at in random.choice(np.arange(8, WHOLE.start), 3, replace=False).tolist():
            data[at] ^= int(random.integers(1, 256))
        with pytest.raises(DamagedFile, match="header is damaged or missing"):
            Reader(bytes(data), recover=True)


def test_a_whole_file_has_no_findings() -> None:
    reader = Reader(FILE, recover=True)
    assert reader.findings == []
    assert [facts(g) for g in reader.gops()] == GOPS
    assert list(reader.audio()) == list(WHOLE.audio())
    assert reader.index == WHOLE.index
    assert sum(reader.chunk_bytes.values()) == len(FILE)


def test_missing_frames_are_named() -> None:
    (start, end) = SPANS[1]
    reader = Reader(FILE[:start] + FILE[end:], recover=True)
    assert [f.text for f in reader.findings] == ["frames 4 to 7 are missing"]


def test_sound_of_a_lost_gop_stays() -> None:
    (start, end) = SPANS[1]
    packets = list(Reader(FILE[:start] + bytes(end - start) + FILE[end:], recover=True).audio())
    assert packets == list(WHOLE.audio())


def test_bytes_in_front_and_in_between_are_passed_over() -> None:
    (_, end) = SPANS[1]
    reader = Reader(b"mail header\n" + FILE[:end] + b"junk GOP junk AUD " + FILE[end:], recover=True)
    assert [facts(g) for g in reader.gops()] == GOPS


def test_a_repeated_gop_is_left_out() -> None:
    (start, end) = SPANS[1]
    reader = Reader(FILE[:end] + FILE[start:end] + FILE[end:], recover=True)
    assert [facts(g) for g in reader.gops()] == GOPS
    assert any("goes back to frame 4" in f.text for f in reader.findings)


def test_a_file_within_a_damaged_chunk_does_not_pass_for_this_one() -> None:
    inner = FILE[SPANS[3][0] : SPANS[3][1]]
    broken = bytearray(pack_chunk(b"AUD ", b"\x01" + inner))
    broken[-1] ^= 1
    (_, end) = SPANS[0]
    reader = Reader(FILE[:end] + bytes(broken) + FILE[end:], recover=True)
    assert [facts(g) for g in reader.gops()] == GOPS


def test_nested_broken_chunks_do_not_cost_quadratic_time(monkeypatch: pytest.MonkeyPatch) -> None:
    read = 0
    plain = FileStore.read

    def counting(store: FileStore, offset: int, size: int) -> bytes:
        nonlocal read
        data = plain(store, offset, size)
        read += len(data)
        return data

    monkeypatch.setattr(FileStore, "read", counting)
    bad = pack_chunk(b"GOP ", bytes(1 << 20))[:12]
    data = FILE[: WHOLE.start] + bad * 2_000 + bytes(1 << 20)
    assert list(Reader(data, recover=True).gops()) == []
    assert read < 50 * len(data)


@given(st.binary(max_size=300), st.integers(0, len(FILE)), st.integers(0, len(FILE)))
@settings(deadline=None, max_examples=200)
def test_no_bytes_crash_recovery(junk: bytes, cut: int, go_on: int) -> None:
    try:
        recovered(FILE[:cut] + junk + FILE[go_on:])
    except ElasticTokError as error:
        assert "\n" not in str(error)
