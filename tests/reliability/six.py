"""The golden file of six GOPs that is cut and damaged at every byte: `golden/v1-dct-six.etok`.

    python -m reliability.six        (in tests/) makes it if it does not exist; it is never made anew

23 frames of 16x16 in blocks of two, GOPs of two blocks, the model of `codec/dct.py`, three packets of sound a GOP.
The .npz beside it has the frames as decode shows them (rounding differs by one level at most between machines).
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import numpy.typing as npt
from codec.dct import DctModel

from elastictok_cli.container import BlockRecord, Gop, Header, TileRecord, Writer
from elastictok_cli.entropy.bitstream import CodeTokens, token_encoder
from elastictok_cli.metrics import block_mse
from elastictok_cli.types import AudioPacket, AudioTrack

GOLDEN = Path(__file__).parents[1] / "golden"
FILE, PIXELS = GOLDEN / "v1-dct-six.etok", GOLDEN / "v1-dct-six.npz"
SIDE, FRAMES, GOP_BLOCKS, STEP, THRESHOLD = 16, 23, 2, 50, 0.03
MODEL = DctModel(gop_blocks=GOP_BLOCKS)


def source() -> npt.NDArray[np.uint8]:
    """(23, 16, 16, 3): a bright square that moves over a slope, integers only."""
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    frames = np.empty((FRAMES, SIDE, SIDE, 3), np.uint8)
    for t in range(FRAMES):
        square = (abs(y - 6) < 4) & (abs(x - t % SIDE) < 4)
        for c in range(3):
            frames[t, :, :, c] = np.where(square, 220 - 40 * c, 40 + 4 * x + 3 * y + 10 * c)
    return frames


TRACK = AudioTrack(
    codec="aac",
    time_base=Fraction(1, 48000),
    sample_rate=48000,
    channels=1,
    layout="mono",
    frame_size=1024,
    extradata=b"\x11\x88\x56\xe5\x00",
)


def header() -> Header:
    """25 fps in 1/12800 s, one track of sound."""
    spec = MODEL.spec
    return Header(
        tool="0.1.0", model=spec.name, model_digest=spec.digest, generation=0, syntax=spec.syntax,
        block_frames=spec.block_frames, gop_blocks=GOP_BLOCKS, coded_size=(SIDE, SIDE), display_size=(SIDE, SIDE),
        source_size=(SIDE, SIDE), time_base=Fraction(1, 12800), frame_rate=Fraction(25), multiple=spec.multiple,
        threshold=THRESHOLD, search="fast", num_qindex=spec.num_qindex, channels=spec.channels,
        max_tokens=spec.max_tokens(spec.block_frames, SIDE, SIDE),
        audio=(TRACK,),
    )  # fmt: skip


def sound(number: int) -> list[AudioPacket]:
    """Three packets for GOP `number`."""
    return [
        AudioPacket(stream=0, pts=1024 * i, dts=1024 * i, duration=1024, flags=1, data=bytes([i] * 5))
        for i in range(3 * number, 3 * number + 3)
    ]


def make() -> None:
    """Write both files, unless they exist."""
    if FILE.exists():
        return
    frames, head, shown = source(), header(), []
    with Writer(FILE, head) as writer:
        for number, first in enumerate(range(0, FRAMES, 2 * GOP_BLOCKS)):
            state, encoder, records = MODEL.start(SIDE, SIDE), token_encoder(head), []
            for at in range(first, min(first + 2 * GOP_BLOCKS, FRAMES), 2):
                block = frames[at : at + 2]
                tokens: CodeTokens = MODEL.tokens(state, MODEL.prepare(state, block), 24, STEP)
                shown.append(MODEL.reconstruct(state, tokens))
                state = MODEL.advance(state, tokens)
                mse = block_mse(shown[-1], block)
                records.append(
                    BlockRecord(
                        frames=len(block),
                        tiles=(TileRecord(count=tokens.count, met=mse <= THRESHOLD, mse=mse, qindex=STEP),),
                    )
                )
                encoder.write(tokens, 0)
            pts = np.arange(first, min(first + 2 * GOP_BLOCKS, FRAMES), dtype=np.int64) * 512
            writer.write_gop(
                Gop(first_frame=first, pts=pts, blocks=tuple(records), payload=encoder.finish(), digest=encoder.digest)
            )
            writer.write_audio(sound(number))
        writer.finish()
    np.savez_compressed(PIXELS, frames=np.concatenate(shown))


if __name__ == "__main__":
    make()
