"""What a user may ask of an encode or a decode, with every rule about which values and options go together.

The command line, the Python interface and batches all make these objects, so a rule stands here once. A message names
an option in backticks, as Python knows it; the command line shows `target_size` as --target-size.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from ..errors import UsageError
from ..models.base import EFFORTS, TokenModel
from ..search import strategy
from ..version import __version__
from .keep import Keep
from .target import Target


def _check_count(name: str, value: float | None, what: str = "") -> None:
    """Raises UsageError unless the value is a whole number from 1 up, or None."""
    if value is None:
        return
    if value != int(value):
        raise UsageError(f"`{name}` {value}: must be a whole number")
    if value < 1:
        raise UsageError(f"`{name}` {value}: {what or 'must be 1 or more'}")


@dataclass(frozen=True, kw_only=True)
class EncodeSettings:
    """How to encode a file.

    target: what every block or the file must reach. size: "source", "fitN" (shorter side
    at most N), "N" (shorter side) or "WxH", in pixels; None for the model's own.
    search: a strategy of search/. effort: "fast", "default" or "best", how hard the model looks for its tokens, where
    it has a choice; "best" also lets it look for better values of the tokens of a block that misses with as many as it
    can have. max_tokens: no block (no tile, where frames are tiled) gets more, met or not.
    gop_blocks: blocks per GOP; None for the model's own. start, duration: the part of the source to code, in seconds.
    audio: keep the source's sound. strict: a block that misses the threshold is an error. percentile: how many per cent
    of the blocks must meet it; fewer are an error at the end. 0 allows any number of misses. about: JSON values of the
    user's own, kept in the file's header.

    These do not change a byte of the output. threads: of all jobs together; None for one per core. jobs: processes,
    each at a GOP; None for as many as are worth it. overwrite: an existing output is replaced. resume: continue what an
    interrupted run left, and leave it for the next one if this run is interrupted. whole_curves: after each decision,
    measure candidates on both sides of it too, for `BlockDone.probes`; several times the work.

    Raises UsageError for values that cannot be meant.
    """

    target: Target = field(default_factory=Target.threshold)
    size: str | None = None
    search: str = "fast"
    effort: str = "default"
    max_tokens: int | None = None
    gop_blocks: int | None = None
    start: float | None = None
    duration: float | None = None
    audio: bool = True
    strict: bool = False
    percentile: float = 0.0
    about: Mapping[str, Any] | None = None
    threads: int | None = None
    jobs: int | None = 1
    overwrite: bool = False
    resume: bool = False
    whole_curves: bool = False

    def __post_init__(self) -> None:
        strategy(self.search)
        if self.effort not in EFFORTS:
            raise UsageError(f"`effort` {self.effort}: is {', '.join(EFFORTS[:-1])} or {EFFORTS[-1]}")
        _check_count("max_tokens", self.max_tokens)
        _check_count("gop_blocks", self.gop_blocks, "a GOP has at least one block")
        _check_count("threads", self.threads)
        _check_count("jobs", self.jobs)
        try:
            json.dumps(self.about, allow_nan=False)
        except (TypeError, ValueError) as error:
            raise UsageError(f"`about`: must be what JSON can hold: {error}") from None
        if not 0 <= self.percentile <= 100:
            raise UsageError(f"`percentile` {self.percentile:g}: must be from 0 to 100")
        if self.percentile and (self.target.is_size or self.target.kind == "tokens"):
            raise UsageError(
                "`percentile` needs a threshold; with a size or a number of tokens as the goal, leave it out"
            )
        if self.target.is_size and (self.resume or self.strict):
            option, needs = ("resume", "one pass") if self.resume else ("strict", "a threshold")
            raise UsageError(f"`{option}` needs {needs}; with a size as the goal, leave it out")

    def fingerprint(self, model: TokenModel) -> str:
        """Everything beside the source that decides the bytes of an output, as JSON: equal text, equal bytes."""
        size = self.size or model.spec.size
        same = replace(self, size=size, threads=None, jobs=None, overwrite=False, resume=False, whole_curves=False)
        # The digest is of the weights; the precision that they are held in is one of the header's fields.
        values: dict[str, Any] = {**asdict(same), **model.header_fields}
        return json.dumps({**values, "model": model.spec.digest.hex(), "version": __version__}, sort_keys=True)


@dataclass(frozen=True, kw_only=True)
class DecodeSettings:
    """How to decode a file.

    start, duration: the part to show, in seconds from the first frame. codec: of the output video. crf: its constant
    quality, lower is better. size: "coded", or "source" for frames scaled to the size of the input. audio: "auto"
    copies the sound where the output's format holds it and codes it anew elsewhere, "copy" only copies, "none" leaves
    it out. keep: decode each block as if it had only its first N tokens ("500") or a share of them ("50%"). jobs:
    processes, each at a GOP; None for as many as are worth it. overwrite: an existing output is replaced. Raises
    UsageError for values that cannot be meant.
    """

    start: float | None = None
    duration: float | None = None
    keep: str | None = None
    codec: str = "h264"
    crf: int = 14
    size: str = "coded"
    audio: Literal["auto", "copy", "none"] = "auto"
    jobs: int | None = 1
    overwrite: bool = False

    def __post_init__(self) -> None:
        _check_count("jobs", self.jobs)
        if self.size not in ("coded", "source"):
            raise UsageError(f"`size` {self.size}: is coded or source")
        if self.audio not in ("auto", "copy", "none"):
            raise UsageError(f"`audio` {self.audio}: is auto, copy or none")
        if self.keep is not None:
            Keep.parse(self.keep)
