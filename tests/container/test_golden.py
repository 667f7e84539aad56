"""Files of every released format version, kept for ever: they read, today and later, as they did when they were made.

`python -m container.test_golden` (in tests/) makes what is missing; nothing that exists is ever made again.
"""

from __future__ import annotations

import dataclasses
import io
import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elastictok_cli.container import BlockRecord, Gop, Header, Reader, TileRecord, Writer, decode_gop
from elastictok_cli.entropy.bitstream import CodeTokens, token_encoder

from .samples import gop, gops, header, write

GOLDEN = Path(__file__).parents[1] / "golden"
NAMES = ("v1-fsq-sound", "v1-vae-still", "v1-fsq-vfr")


def describe(data: bytes) -> dict[str, Any]:
    """All that a file says, as JSON."""
    with Reader(data) as reader:
        head = dataclasses.asdict(reader.header)
        head["steps"], head["tile"] = head.pop("num_qindex"), head.pop("tile_hw")  # as the files' JSON has them
        for track in head["audio"]:
            del track["language"]  # the file has it in "extra"
        return {
            "header": json.loads(json.dumps(head, default=lambda v: v.hex() if isinstance(v, bytes) else str(v))),
            "gops": [
                {
                    "first_frame": g.first_frame,
                    "pts": g.pts.tolist(),
                    "blocks": [
                        [[t.count, t.met, float(f"{t.mse:.9g}"), t.qindex] for t in block.tiles] for block in g.blocks
                    ],
                    "tokens": [[t.values.tolist() for t in block] for block in decode_gop(g, reader.header)],
                }
                for g in reader.gops()
            ],
            "audio": [[p.stream, p.pts, p.dts, p.duration, p.flags, p.data.hex()] for p in reader.audio()],
        }


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_file_reads_as_it_did_when_it_was_made(name: str) -> None:
    assert describe((GOLDEN / f"{name}.etok").read_bytes()) == json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize("name", ["v1-fsq-sound", "v1-fsq-vfr"])  # without deflated metadata: zlibs differ
def test_a_golden_file_of_this_version_is_written_again_byte_by_byte(name: str) -> None:
    data = (GOLDEN / f"{name}.etok").read_bytes()
    out = io.BytesIO()
    with Reader(data) as reader:
        writer = Writer(out, reader.header)
        for item in reader.items():
            if isinstance(item, tuple):
                writer.write_audio(item)
                continue
            encoder = token_encoder(reader.header)
            for block in decode_gop(item, reader.header):
                for number, tokens in enumerate(block):
                    encoder.write(tokens, number)
            writer.write_gop(dataclasses.replace(item, payload=encoder.finish(), digest=encoder.digest))
        writer.finish()
    assert out.getvalue() == data


def _still() -> tuple[Header, list[Gop]]:
    head = header(
        syntax="vae/1", channels=4, is_still=True, tile_hw=None, audio=(), rotation=0, sar=Fraction(4, 3),
        frame_rate=None, target="psnr", target_value=30.0, threshold=0.004, generation=2,
        extra={"title": "Blümchen", "scales": [0.25, 1, 2.5]},
    )  # fmt: skip
    random = np.random.default_rng(7)
    encoder = token_encoder(head)
    encoder.write(CodeTokens(random.integers(-128, 128, (20, 4)).astype(np.int8), 1))
    block = BlockRecord(frames=1, tiles=(TileRecord(count=20, met=True, mse=0.0),))
    return head, [
        Gop(
            first_frame=0,
            pts=np.array([-7], np.int64),
            blocks=(block,),
            payload=encoder.finish(),
            digest=encoder.digest,
        )
    ]


def _irregular() -> tuple[Header, list[Gop]]:
    head = header(
        audio=(),
        time_base=Fraction(1, 90000),
        frame_rate=Fraction(2997, 100),
        target="tokens",
        target_value=5.0,
    )
    head = dataclasses.replace(head, threshold=4.0)
    times = np.array([0, 3003, 6006, 9009, 15015, 18000, 18001, 27000], np.int64) - 3003
    return head, [dataclasses.replace(gop(head, n), pts=times[4 * n : 4 * n + 4]) for n in (0, 1)]


def make() -> None:
    """Make the golden files that do not exist."""
    made = {"v1-fsq-sound": (header(), gops(header())), "v1-vae-still": _still(), "v1-fsq-vfr": _irregular()}
    for name, (head, items) in made.items():
        path = GOLDEN / f"{name}.etok"
        if not path.exists():
            write(Writer(path, head), items)
            text = json.dumps(describe(path.read_bytes()), indent=1, ensure_ascii=False)
            path.with_suffix(".json").write_text(text + "\n")


if __name__ == "__main__":
    make()
