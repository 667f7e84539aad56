"""Options that several commands have, so that they are spelled and explained alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer


def completes(values: Callable[[], Iterable[str]]) -> Callable[[str], list[str]]:
    """For `autocompletion`: those of the values that begin with what is typed so far. values: called when asked."""

    def complete(incomplete: str) -> list[str]:
        return [value for value in values() if value.startswith(incomplete)]

    return complete


def _models() -> Iterable[str]:
    from ..models.registry import entries

    return entries()


def _published() -> Iterable[str]:
    from ..models.registry import entries

    return [name for name, entry in entries().items() if entry.published is not None]


def _searches() -> Iterable[str]:
    from ..search import STRATEGIES

    return STRATEGIES


complete_model, complete_search = completes(_models), completes(_searches)
complete_published = completes(_published)
complete_theme = completes(lambda: ("light", "dark"))
complete_device = completes(lambda: ("auto", "cpu", "cuda", "mps"))
complete_precision = completes(lambda: ("float32", "bf16", "fp16"))

EtokFile = Annotated[str, typer.Argument(metavar="FILE.etok", help="An .etok file, or - for standard input.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace an output that exists.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object per line on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Also print what is done and why.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where in the program an error comes from.")]


def start(panel: str | None = None) -> Any:
    """panel: of the help, where a command has several."""
    return typer.Option("--start", metavar="S", help="Start at S seconds.", rich_help_panel=panel)


def duration(panel: str | None = None) -> Any:
    """See `start`."""
    return typer.Option("--duration", metavar="S", help="Take S seconds of video.", rich_help_panel=panel)


def no_audio(panel: str | None = None) -> Any:
    """See `start`."""
    return typer.Option("--no-audio", help="Leave out the sound.", rich_help_panel=panel)


Start = Annotated[float | None, start()]
Duration = Annotated[float | None, duration()]
NoAudio = Annotated[bool, no_audio()]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="A model's name or .safetensors file (default: the bundled one, or FILE's).",
        autocompletion=complete_model,
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="float32, bf16 or fp16, for models that run on torch.",
        autocompletion=complete_precision,
    ),
]
Device = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda, cuda:N or mps, for models that run on torch.",
        autocompletion=complete_device,
    ),
]
ThemeName = Annotated[
    str, typer.Option("--theme", metavar="NAME", help="light or dark.", autocompletion=complete_theme)
]
FfmpegPath = Annotated[
    str | None,
    typer.Option(
        "--ffmpeg",
        metavar="PATH",
        help="The ffmpeg program to use (default: that of the extra bench, or the one on the PATH).",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", metavar="N", min=1, help="Processes, one GOP each (default: one per core, at most one per GOP)."
    ),
]
