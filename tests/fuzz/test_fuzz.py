"""A short run of the fuzzer with a fixed seed; `make fuzz` runs a million inputs. Hypothesis looks where no seed is."""

from __future__ import annotations

import random

import pytest
from container.samples import header
from hypothesis import given, settings
from hypothesis import strategies as st

from elastictok_cli.entropy.bitstream import token_decoder
from elastictok_cli.errors import DamagedFile

from . import video
from .mutate import chunks_of, lying, rng, sealed
from .targets import TARGETS, attempt, files, read_what_is_whole

# A few seconds in all: fewer where an input takes milliseconds.
INPUTS = {"nano": 100, "strict": 250, "strict-recover": 300, "arrays": 200, "npz": 200}


@pytest.mark.parametrize("name", TARGETS)
def test_nothing_but_errors_of_its_own_comes_out(name: str) -> None:
    ended = [attempt(name, rng(20261124, number)) for number in range(INPUTS.get(name, 700))]
    assert any(ended), "no input was refused: the mutations change nothing"


def test_an_input_is_made_again_from_its_seed_and_number() -> None:
    assert [lying(files()[0], rng(1, n)) for n in range(20)] == [lying(files()[0], rng(1, n)) for n in range(20)]


def test_a_sealed_file_of_its_own_chunks_is_the_file() -> None:
    """So that what `lying` changes is all that is wrong."""
    for data in files():
        assert sealed(chunks_of(data)) == data


def test_a_fault_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def faulty(chance: random.Random) -> None:
        raise IndexError("out of bounds")

    monkeypatch.setitem(TARGETS, "head", (1, faulty))
    with pytest.raises(IndexError):
        attempt("head", rng(1, 1))


@given(st.binary(max_size=200), st.lists(st.integers(0, 60), min_size=1, max_size=3))
@settings(deadline=None, max_examples=300, derandomize=True)
def test_no_bytes_are_tokens_by_accident(payload: bytes, counts: list[int]) -> None:
    decoder = token_decoder(payload, header())
    with pytest.raises(DamagedFile):
        for count in counts:
            decoder.read(2, count)
        decoder.finish(decoder.digest ^ 1)


@given(st.binary(max_size=400))
@settings(deadline=None, max_examples=200, derandomize=True)
def test_no_bytes_behind_a_header_crash_recovery(junk: bytes) -> None:
    read_what_is_whole(files()[0][:150] + junk)


@pytest.mark.parametrize("number", range(40))
def test_a_changed_video_of_each_kind_is_encoded_or_refused(number: int) -> None:
    code, said, wrong = video.attempt(*video.made(20261201, number))
    assert not wrong, (code, said)
