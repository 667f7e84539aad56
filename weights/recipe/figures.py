"""Write the measured figures into README and the model cards, from what `make bench` left in docs/.

    python weights/recipe/figures.py           # make figures

A text has them between `<!-- figures: NAME -->` and `<!-- end of figures -->`; NAME is a function below. No figure is
typed by hand, so no two pages can disagree: tests/pages/test_figures.py fails where a text is not what this writes.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ("README.md", "docs/**/*.md", "weights/*.md")
MARKED = re.compile(r"(<!-- figures: ([\w-]+) -->\n).*?(<!-- end of figures -->)", re.DOTALL)
NANO, MINI = "docs/benchmarks/results.json", "docs/mini/benchmarks/results.json"


def results(path: str) -> dict[str, Any]:
    """What a benchmark measured."""
    found: dict[str, Any] = json.loads((ROOT / path).read_text(encoding="utf-8"))
    return found


def table(head: list[str], rows: list[list[str]]) -> str:
    """A table in Markdown."""
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, ["---"] * len(head), *rows])


def rates(found: dict[str, Any]) -> str:
    """Bytes over those of each codec at equal error, by threshold, and what was measured where."""
    summary = [s for s in found["summary"] if s["kind"] == "video"]
    codecs = [name for name in found["codecs"] if name != "MJPEG"]  # no rival of a video codec
    rows = []
    for s in summary:
        over = [s["bytes_over"][name] for name in codecs]
        cells = [f"{o['geometric_mean']:.2f}{_of(o['clips'], s['clips'])}" if o["clips"] else "none" for o in over]
        speed = [_number(s["encode_fps"], ".1f"), _number(s["decode_fps"], ".0f")]
        quality = [_number(s["psnr_db"], ".1f") + " dB", f"{100 * s['met_share']:.1f} %"]
        rows.append([f"{s['threshold']:g}", *quality, *cells, *speed])
    head = ["threshold", "PSNR", "blocks met", *codecs, "encoded fps", "decoded fps"]
    return f"{table(head, rows)}\n\n{_about(found, summary[0])}"


def video() -> str:
    """elastictok-nano on clips."""
    return rates(results(NANO))


def mini_video() -> str:
    """elastictok-mini on clips."""
    return rates(results(MINI))


def models() -> str:
    """What each model is for, how large and how fast it is."""
    rows = [
        ["`elastictok-nano`", "small files, token counts, everyday use", *_measured(NANO), "two CPU cores"],
        ["`elastictok-mini`", "the paper's method in a small size: learned 16-bit codes", *_measured(MINI), "torch"],
        [
            "`elastictok-fsq`",
            "the original ElasticTok, 16-bit codes",
            "841 MB, not included",
            "",
            "torch; a GPU to be fast",
        ],
        [
            "`elastictok-vae`",
            "the original, 8 numbers per token",
            "842 MB, not included",
            "",
            "torch; a GPU to be fast",
        ],
    ]
    return table(["model", "for", "weights", "frames per second, encoded / decoded", "needs"], rows)


def _measured(path: str) -> list[str]:
    """Size of the weights, and the speeds at the threshold of Figure 4."""
    found = results(path)
    size = (ROOT / "weights" / f"{found['model']}.safetensors").stat().st_size
    at = next(s for s in found["summary"] if s["kind"] == "video" and s["threshold"] == found["figure_threshold"])
    weights = f"{size / 1e6:.0f} MB" if size > 1e6 else f"{size / 1e3:.0f} kB"
    return [weights, f"{_number(at['encode_fps'], '.1f')} / {_number(at['decode_fps'], '.0f')}"]


def _number(value: float | None, form: str) -> str:
    """Empty where nothing was measured."""
    return "" if value is None else format(value, form)


def _of(clips: int, most: int) -> str:
    return f" ({clips} of {most})" if clips < most else ""


def _about(found: dict[str, Any], first: dict[str, Any]) -> str:
    length = f", the first {found['duration_s']:g} s of each" if found["duration_s"] else ""
    return (
        f"{found['model']}, generation {found['generation']}, on {first['clips']} clips ({first['frames']:,} "
        f"frames{length}); measured {found['dates'][-1]} on {' and '.join(found['machines'])}."
    )


BLOCKS: dict[str, Callable[[], str]] = {"video": video, "mini-video": mini_video, "models": models}


def texts() -> list[Path]:
    """The files that have figures between marks."""
    paths = [path for pattern in TEXTS for path in sorted(ROOT.glob(pattern))]
    return [path for path in paths if MARKED.search(path.read_text(encoding="utf-8"))]


def rendered(text: str) -> str:
    """The text with its figures as measured."""
    return MARKED.sub(lambda m: f"{m[1]}{BLOCKS[m[2]]()}\n{m[3]}", text)


if __name__ == "__main__":
    for path in texts():
        old = path.read_text(encoding="utf-8")
        new = rendered(old)
        if new != old:
            path.write_text(new, encoding="utf-8")
            print(f"{path.relative_to(ROOT)}: renewed")
