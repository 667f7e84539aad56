"""The paper's Figure 4 for one video, in a page of code: blocks that meet the threshold against tokens used.

    python examples/figure4.py [VIDEO [PICTURE.png]]

Elastic: each block gets what it needs. Fixed: all blocks get the same number. Both are the same model. `elastictok
bench` does it with many clips, and with pictures.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import elastictok_cli as et

THRESHOLD = 0.007


def encoded(video: Path, etok: Path, target: et.Target, model: Any) -> list[tuple[int, float]]:
    """(tokens, mean squared error) of every block."""
    et.encode(video, etok, model=model, target=target, audio=False, overwrite=True)
    with et.open_etok(etok) as file:
        return [(block.count, block.mse) for block in file.blocks()]


def main(video: Path, picture: Path) -> None:
    """Measure, print and draw."""
    from matplotlib.figure import Figure

    model = et.load_model()
    with tempfile.TemporaryDirectory() as folder:
        etok = Path(folder) / "x.etok"
        elastic = encoded(video, etok, et.Target.threshold(THRESHOLD), model)
        needs = sorted(count for count, _ in elastic)
        fixed = []
        for budget in sorted({needs[len(needs) // 2], needs[3 * len(needs) // 4], needs[-1], round(1.1 * needs[-1])}):
            blocks = encoded(video, etok, et.Target.fixed(budget), model)
            met = sum(mse <= THRESHOLD for _, mse in blocks) / len(blocks)
            fixed.append((sum(count for count, _ in blocks) / len(blocks), met))

    # If no block could have more than a cap: so many tokens a block, so many blocks that meet.
    count = len(needs)
    capped = [(sum(min(n, cap) for n in needs) / count, sum(n <= cap for n in needs) / count) for cap in needs]
    print(f"elastic: {capped[-1][0]:,.0f} tokens a block, {100 * capped[-1][1]:.0f} % of the blocks meet {THRESHOLD:g}")
    for tokens, met in fixed:
        print(f"fixed:   {tokens:,.0f} tokens a block, {100 * met:.0f} %")

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*capped, strict=True), label="elastic")
    axes.plot(*zip(*fixed, strict=True), "s--", label="fixed, same model")
    axes.set(xscale="log", xlabel="tokens a block", ylabel=f"share of blocks that meet {THRESHOLD:g}", ylim=(0, 1.05))
    axes.legend()
    figure.savefig(picture)
    print(picture)


if __name__ == "__main__":
    here = Path(__file__).parent
    arguments = [Path(argument) for argument in sys.argv[1:]]
    main(arguments[0] if arguments else here / "demo.mp4", arguments[1] if arguments[1:] else Path("figure4.png"))
