"""What a benchmark is to measure: clips, thresholds, other codecs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..codec.target import Target
from ..errors import UsageError
from ..video.ffmpeg import INSTALL, Ffmpeg
from ..video.peers import PEERS, find_peers
from ..video.perceptual import FILTERS, Perceptual
from ..video.reference import CODECS, Codec
from .clips import Clip

THRESHOLDS = (0.015, 0.007, 0.003, 0.001)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """One benchmark.

    clips: what was named. out: folder for results. thresholds: MSE on [-1, 1], those of the rate curves.
    figure_threshold: the one of Figure 4, one of them. size, duration: as `encode --size` and `--duration`. stills:
    pictures taken out of each clip. codecs: to compare with. perceptual: XPSNR and VMAF, None without. command: what a
    reader may type to repeat it. Raises UsageError for thresholds that cannot be meant.
    """

    clips: tuple[Clip, ...]
    out: Path
    thresholds: tuple[float, ...] = THRESHOLDS
    figure_threshold: float = 0.007
    size: str = "fit256"
    duration: float | None = None
    stills: int = 2
    codecs: tuple[Codec, ...] = tuple(CODECS.values())
    perceptual: Perceptual | None = None
    command: str = ""

    def __post_init__(self) -> None:
        for threshold in self.thresholds:
            Target.threshold(threshold)
        if not self.thresholds:
            raise UsageError("--thresholds: there must be at least one")
        if self.figure_threshold not in self.thresholds:
            raise UsageError(f"--figure-threshold {self.figure_threshold:g}: must be one of the thresholds")


def choose_codecs(names: Sequence[str] | None, ffmpeg: Ffmpeg | None) -> tuple[tuple[Codec, ...], list[str]]:
    """(codecs, what is left out and why) for short names such as "x264" and "vvenc"; None for all there are.

    Raises UsageError for a name that is none, and for one that this machine has no encoder for.
    """
    known = (*CODECS, *PEERS)
    for name in names or ():
        if name not in known:
            raise UsageError(f"--codecs {name}: is unknown; choose from {', '.join(known)}")
    wanted = known if names is None else tuple(names)
    peers = find_peers(ffmpeg) if ffmpeg is not None and set(wanted) & set(PEERS) else {}
    found = {**CODECS, **peers}
    missing = [name for name in wanted if name not in found]
    where = f"{ffmpeg.path} was built without" if ffmpeg is not None else "no ffmpeg was found for"
    if missing and names is not None:
        raise UsageError(f"--codecs {missing[0]}: {where} it; {INSTALL}")
    notes = [f"{where} {', '.join(missing)}; left out ({INSTALL})"] if missing else []
    return tuple(found[name] for name in wanted if name in found), notes


def choose_perceptual(ffmpeg: Ffmpeg | None) -> Perceptual | None:
    """Those of XPSNR and VMAF that this ffmpeg has filters for."""
    names = [name for name, needed in FILTERS.items() if ffmpeg is not None and needed in ffmpeg.filters]
    return Perceptual(ffmpeg, tuple(names)) if ffmpeg is not None and names else None
