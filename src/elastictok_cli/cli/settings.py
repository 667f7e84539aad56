"""The options of `encode`, as the command line has them, to EncodeSettings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..codec.settings import EncodeSettings

GOALS = ("threshold", "psnr", "tokens", "target_size", "target_bpp")


def settings_of(options: Mapping[str, Any]) -> EncodeSettings:
    """What `encode` does with these options, by the names of its parameters. Raises UsageError."""
    from ..codec.settings import EncodeSettings
    from ..codec.target import Target

    return EncodeSettings(
        target=Target.of(measure=not options["no_measure"], **{name: options[name] for name in GOALS}),
        size=options["picture_size"],
        search=options["search"],
        effort=options.get("effort", "usual"),
        max_tokens=options["max_tokens"],
        gop_blocks=options["gop"],
        start=options["start"],
        duration=options["duration"],
        audio=not options["no_audio"],
        strict=options["strict"],
        percentile=options["percentile"],
        threads=options.get("threads"),
        jobs=options.get("jobs"),
        overwrite=options.get("force", False),
        resume=options.get("resume", False),
        whole_curves=options.get("whole_curves", False),
    )
