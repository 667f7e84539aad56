"""The Python interface: encode, look at blocks and tokens as numpy arrays, decode.

python examples/python_api.py [VIDEO [FOLDER]]
"""

from __future__ import annotations

import sys
from pathlib import Path

import elastictok_cli as et


def main(video: Path, folder: Path) -> None:
    """Everything with one model, loaded once."""
    folder.mkdir(parents=True, exist_ok=True)
    etok = folder / "video.etok"
    model = et.load_model()  # the bundled one; a name or a .safetensors file for others

    done = et.encode(video, etok, model=model, target=et.Target.threshold(0.007), overwrite=True)
    print(f"{done.frames} frames, {done.tokens:,} tokens, {done.bytes_out:,} bytes, {done.blocks_missed} blocks missed")

    with et.open_etok(etok, model) as file:
        for record in file.blocks():  # from the tables alone: counts and measured errors
            print(f"  {record.frames} frames: {record.count:,} tokens, mse {record.mse:.5f}, met {record.met}")
        first = next(file.tokens())  # tokens themselves: numpy integers, the most important first
        print("first block:", first.values.dtype, first.values.shape, first.values[:8])
        pts, rgb = next(file.frames(start=0.2))  # any time: decoding starts at the GOP before it
        print("frame at", float(pts * file.header.time_base), "s:", rgb.dtype, rgb.shape)

    shown = et.decode(etok, folder / "decoded.mp4", model=model, overwrite=True, crf=16)
    checked = et.verify(etok, video, model=model)
    print(f"{shown.frames} frames shown; measured again: mse {checked.mse}, findings {list(checked.findings)}")


if __name__ == "__main__":
    here = Path(__file__).parent
    arguments = [Path(argument) for argument in sys.argv[1:]]
    main(arguments[0] if arguments else here / "demo.mp4", arguments[1] if arguments[1:] else Path("python_api"))
