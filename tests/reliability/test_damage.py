"""A file of six GOPs cut at every byte and damaged at every byte: what is whole is shown, what is not is told."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from elastictok_cli.codec.decoder import DecodedBlock, ParsedBlock, decode_blocks, parse
from elastictok_cli.container import Reader, check_file
from elastictok_cli.container.framing import CHUNK_EXTRA
from elastictok_cli.errors import DamagedFile, ElasticTokError

from .running import Run
from .six import FILE, FRAMES, MODEL, PIXELS

DATA = FILE.read_bytes()
WHOLE = Reader(DATA)
SPANS = [(e.offset, e.offset + e.length + CHUNK_EXTRA) for e in WHOLE.index]
SHOWN: npt.NDArray[np.uint8] = np.load(PIXELS)["frames"]
# Where one thing ends and the next begins, and one byte to either side: what the slower tests look at.
EDGES = sorted({at + step for span in SPANS for at in span for step in (-1, 0, 1)} | {8, 20, WHOLE.start, WHOLE.stop})
BITS = (0x01, 0xFF)


def flipped(at: int, bits: int) -> bytes:
    return DATA[:at] + bytes([DATA[at] ^ bits]) + DATA[at + 1 :]


def gop_of(at: int) -> int | None:
    """Number of the GOP that byte `at` belongs to."""
    return next((number for number, (start, end) in enumerate(SPANS) if start <= at < end), None)


def frames_of(numbers: list[int]) -> npt.NDArray[np.uint8]:
    """The pictures of these GOPs, as they must come out."""
    parts = [SHOWN[WHOLE.index[n].first_frame :][: WHOLE.index[n].frames] for n in numbers]
    return np.concatenate([SHOWN[:0], *parts])


def decoded(data: bytes) -> npt.NDArray[np.uint8]:
    """All that --recover shows."""
    with Reader(data, recover=True) as reader:
        items = decode_blocks(reader, MODEL)
        return np.concatenate([SHOWN[:0], *(item.frames for item in items if isinstance(item, DecodedBlock))])


def same(shown: npt.NDArray[np.uint8], wanted: npt.NDArray[np.uint8]) -> bool:
    """Equal but for what the last bit of a float may do to a rounded pixel on another machine."""
    return shown.shape == wanted.shape and (not shown.size or int(np.abs(shown.astype(int) - wanted).max()) <= 1)


def tokens_of(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """(GOP, block, tokens) until a strict reader refuses."""
    with Reader(data) as reader:
        for item in parse(reader, None):
            if isinstance(item, ParsedBlock):
                yield item.gop, item.number, item.tokens[0].values.tobytes()


TOKENS = list(tokens_of(DATA))


def test_the_golden_file_decodes_to_its_pictures() -> None:
    assert len(SPANS) == 6 and SHOWN.shape[0] == FRAMES
    assert same(decoded(DATA), SHOWN)


def kept(data: bytes) -> list[tuple[Any, ...]]:
    """Everything that --recover finds of GOPs; equal facts decode to equal pictures."""
    with Reader(data, recover=True) as reader:
        return [(g.first_frame, g.pts.tolist(), g.blocks, g.payload, g.digest) for g in reader.gops()]


KEPT = kept(DATA)


def test_cut_at_every_byte_all_complete_gops_before_the_cut_are_kept() -> None:
    for cut in range(len(DATA)):
        if cut < WHOLE.start:
            with pytest.raises(DamagedFile):
                Reader(DATA[:cut], recover=True)
            continue
        assert kept(DATA[:cut]) == KEPT[: sum(end <= cut for _, end in SPANS)], cut


@pytest.mark.parametrize("bits", BITS)
def test_a_flip_of_any_byte_costs_no_gop_but_its_own(bits: int) -> None:
    for at in range(len(DATA)):
        assert kept(flipped(at, bits)) == [KEPT[n] for n in range(6) if n != gop_of(at)], at


def test_what_is_kept_is_shown_to_the_pixel(soak: bool) -> None:
    """Every byte cut and flipped with --soak, otherwise one in 29."""
    for at in range(WHOLE.start, len(DATA), 1 if soak else 29):
        whole = [number for number, (_, end) in enumerate(SPANS) if end <= at]
        assert same(decoded(DATA[:at]), frames_of(whole)), at
        rest = [number for number in range(6) if number != gop_of(at)]
        assert same(decoded(flipped(at, 0xFF)), frames_of(rest)), at


def test_a_flip_of_any_byte_is_noticed_before_a_token_of_its_gop_is_used(soak: bool) -> None:
    flips = [(at, bits) for at in range(len(DATA)) for bits in (BITS if soak else (BITS[at % 2],))]
    for at, bits in flips:
        seen = []
        with pytest.raises(DamagedFile) as caught:
            for tokens in tokens_of(flipped(at, bits)):
                seen.append(tokens)
            assert check_file(Reader(flipped(at, bits))), at  # behind the last GOP: the sound, or the file's own digest
            raise DamagedFile("found by verify")
        assert "\n" not in str(caught.value)
        assert seen == TOKENS[: len(seen)], at  # nothing that was not written
        assert gop_of(at) not in {gop for gop, _, _ in seen}, at


@pytest.mark.parametrize("bits", BITS)
def test_verify_names_the_gop_of_every_damaged_byte(bits: int) -> None:
    for at in range(WHOLE.start, WHOLE.stop):
        findings = check_file(Reader(flipped(at, bits)))
        number = gop_of(at)
        assert [finding.gop for finding in findings][:1] == [number], at
        if number is not None:
            assert findings[0].text.startswith(f"GOP {number} (00:"), findings[0].text


# --- the same through the commands


def refused(run: Run, path: Path, output: Path) -> str:
    """A plain decode: one line, exit code 4, nothing written. Returns the line."""
    said = run("decode", path, "-o", output, "-q")
    assert said.code == 4 and said.out == ""
    assert list(output.parent.iterdir()) == [path]
    return said.error


def recovered(run: Run, path: Path, output: Path) -> list[int]:
    """decode --recover: exit code 8 and a whole video. Returns the PTS of its frames, in numbers of frames."""
    said = run("decode", path, "-o", output, "--recover", "--codec", "ffv1", "-f")
    assert said.code == 8 and f"that are whole are in {output}" in said.error
    with av.open(str(output)) as file:
        return [round(float(frame.time or 0) * 25) for frame in file.decode(video=0)]


def numbers_of(gops: list[int]) -> list[int]:
    entries = [WHOLE.index[number] for number in gops]
    return [n for entry in entries for n in range(entry.first_frame, entry.first_frame + entry.frames)]


@pytest.mark.parametrize("cut", [at for at in EDGES if SPANS[0][1] <= at < len(DATA)][::2])
def test_a_cut_file_is_refused_and_recovered(cut: int, run: Run, tmp_path: Path) -> None:
    path, output = tmp_path / "cut.etok", tmp_path / "out.mkv"
    path.write_bytes(DATA[:cut])
    assert "incomplete" in (line := refused(run, path, output)) and "--recover" in line
    assert recovered(run, path, output) == numbers_of([n for n, (_, end) in enumerate(SPANS) if end <= cut])


@pytest.mark.parametrize("at", EDGES[::2])
def test_a_damaged_file_is_refused_named_and_recovered(at: int, run: Run, tmp_path: Path) -> None:
    path, output = tmp_path / "bad.etok", tmp_path / "out.mkv"
    path.write_bytes(flipped(at, 0xFF))
    refused(run, path, output)
    number = gop_of(at)
    checked = run("verify", path, "-q")
    assert checked.code == 4
    if number is not None:
        assert f"bad.etok: GOP {number} (00:" in checked.error
    assert recovered(run, path, output) == numbers_of([n for n in range(6) if n != number])


def test_a_cut_before_the_first_gop_is_refused_with_recover_too(run: Run, tmp_path: Path) -> None:
    path, output = tmp_path / "cut.etok", tmp_path / "out.mkv"
    for cut in [0, 1, 7, 8, 9, 19, 20, 21, WHOLE.start - 1, WHOLE.start, SPANS[0][1] - 1]:
        path.write_bytes(DATA[:cut])
        refused(run, path, output)
        said = run("decode", path, "-o", output, "--recover")
        assert said.code == 4, (cut, said)
        assert said.error and list(tmp_path.iterdir()) == [path]


def test_two_damaged_gops_cost_two(run: Run, tmp_path: Path) -> None:
    data = bytearray(DATA)
    for number in (1, 4):
        data[SPANS[number][0] + 30] ^= 0x40
    path, output = tmp_path / "bad.etok", tmp_path / "out.mkv"
    path.write_bytes(data)
    assert "more finding" in run("verify", path, "-q").error
    assert recovered(run, path, output) == numbers_of([0, 2, 3, 5])


@pytest.mark.parametrize(("first", "second"), list(pairwise(range(6))))
def test_any_slice_out_of_the_middle_costs_what_is_missing(first: int, second: int) -> None:
    start, end = SPANS[first][0] + 5, SPANS[second][0] + 9
    kept = [n for n in range(6) if n not in (first, second)]
    assert same(decoded(DATA[:start] + DATA[end:]), frames_of(kept))


def test_errors_of_this_file_are_of_one_kind() -> None:
    """A reader never lets anything else out, whatever byte is wrong."""
    for at in range(0, len(DATA), 19):
        for bits in (1, 2, 64, 128, 255):
            for recover in (False, True):
                try:
                    with Reader(flipped(at, bits), recover=recover) as reader:
                        list(reader.items())
                except ElasticTokError:
                    continue
