"""The reconstructions of a comparison, and the words above and below their pictures.

A panel is a file, or a file cut to the first of its tokens. Its title has the target, the cut, and what else tells it
from the other panels. Percentages are always of the most tokens that the model can use for the clip, and are left
out where that differs between panels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ..codec.keep import Keep, cut_model
from ..container import Reader
from ..metrics import Pixels, block_mse, quality_text
from ..models.base import TokenModel
from ..report.canvas import Label
from ..report.curve import cycle, in_frames, token_rate
from ..report.theme import Theme
from ..report.usage import Usage, goal, read_usage
from ..units import plural

PERCENT_NOTE = "percentages are of the most tokens that the model can use"


@dataclass(frozen=True, eq=False, kw_only=True)
class Panel:
    """One reconstruction. keep: what each block is cut to; None for the whole file. usage: with the tokens kept."""

    reader: Reader
    model: TokenModel
    usage: Usage
    keep: Keep | None = None

    @classmethod
    def of(cls, reader: Reader, model: TokenModel, keep: Keep | None = None) -> Panel:
        """Raises UsageError if the model's tokens cannot be cut, DamagedFile where the file is damaged."""
        usage = read_usage(reader)
        if keep is None:
            return cls(reader=reader, model=model, usage=usage)
        kept = [sum(keep.count(tile.count) for tile in record.tiles) for record in reader.blocks()]
        blocks = tuple(replace(block, tokens=count) for block, count in zip(usage.blocks, kept, strict=True))
        usage = replace(usage, blocks=blocks)
        return cls(reader=reader, model=cut_model(model, keep), usage=usage, keep=keep)


def labels(source: str, panels: Sequence[Panel], theme: Theme) -> list[Label]:
    """The lines above the pictures. source: the second line of the source's."""
    usages = [panel.usage for panel in panels]
    details = _details(panels, in_frames(usages), comparable(panels))
    colours = cycle(theme.series, len(panels))
    return [
        Label("source", source),
        *(Label(*lines) for lines in zip(titles(panels), details, colours, strict=True)),
    ]


def comparable(panels: Sequence[Panel]) -> bool:
    """Whether percentages of all panels are of the same number: the most tokens per frame."""
    return len({panel.usage.max_tokens / max(1, panel.usage.frames) for panel in panels}) == 1


def titles(panels: Sequence[Panel]) -> list[str]:
    """Target and cut of each panel; before them model, block length and size where these differ."""
    properties: tuple[Callable[[Panel], str], ...] = (
        lambda panel: panel.usage.header.model,
        lambda panel: f"{plural(panel.usage.header.block_frames, 'frame')} per block",
        lambda panel: "{}x{}".format(*panel.usage.header.coded_size),
    )
    differing = [text_of for text_of in properties if len({text_of(panel) for panel in panels}) > 1]
    return [
        ", ".join([*(text_of(panel) for text_of in differing), goal(panel.usage), *_cut(panel.keep)])
        for panel in panels
    ]


def _cut(keep: Keep | None) -> list[str]:
    if keep is None:
        return []
    return [f"first {keep}" + ("" if keep.tokens is None else " tokens")]


def _details(panels: Sequence[Panel], per_frame: bool, percent: bool) -> list[str]:
    found = []
    for panel in panels:
        usage = panel.usage
        count = usage.tokens / max(1, usage.frames if per_frame else len(usage.blocks))
        text = f"{count:,.0f} tokens per {'frame' if per_frame else 'block'}"
        if percent:
            text += f" ({100 * usage.tokens / max(1, usage.max_tokens):.3g} %)"
        if panel.keep is None:  # a cut file has no size, and its error is measured as it is shown
            text += f" · {quality_text(usage.mse, 1)} · {usage.bpp:.3g} bpp"
        found.append(text)
    return found


def caption(panel: Panel, block: int, per_frame: bool, shown: Pixels, source: Pixels) -> str:
    """The line below a reconstruction: its block on the screen.

    shown, source: the pictures, of one size. The quality is the block's as the file has it, measured by the encoder;
    of a cut block it is that of the picture on the screen.
    """
    use = panel.usage.blocks[block]
    unit = " per frame" if per_frame else ""
    text = f"block {block}: {token_rate(use, per_frame):,.0f} tokens{unit} · "
    if panel.keep is not None:
        return f"{text}{quality_text(block_mse(shown, source), 1)} in this frame"
    return text + quality_text(use.mse, 1) + ("" if use.met else " · missed")
