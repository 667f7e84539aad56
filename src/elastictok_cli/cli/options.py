"""Options that several commands have, so that they are spelled and explained alike."""

from __future__ import annotations

from typing import Annotated, Any

import typer

EtokFile = Annotated[str, typer.Argument(metavar="FILE.etok", help="An .etok file, or - for standard input.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace an output that exists.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on stdout (docs/json.md).")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="More about what is done and why.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show where in the program an error comes from.")]


def start(panel: str | None = None) -> Any:
    """panel: of the help, where a command has several."""
    return typer.Option("--start", metavar="S", help="Leave out the first S seconds.", rich_help_panel=panel)


def duration(panel: str | None = None) -> Any:
    """See `start`."""
    return typer.Option("--duration", metavar="S", help="Take S seconds.", rich_help_panel=panel)


def no_audio(panel: str | None = None) -> Any:
    """See `start`."""
    return typer.Option("--no-audio", help="Leave the sound out.", rich_help_panel=panel)


Start = Annotated[float | None, start()]
Duration = Annotated[float | None, duration()]
NoAudio = Annotated[bool, no_audio()]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="NAME", help="A model's name or .safetensors file (default: the bundled one, or FILE's)."
    ),
]
Precision = Annotated[
    str | None,
    typer.Option("--precision", metavar="NAME", help="float32, bf16 or fp16, for models that run on torch."),
]
Device = Annotated[
    str,
    typer.Option("--device", metavar="NAME", help="auto, cpu, cuda, cuda:N or mps, for models that run on torch."),
]
FfmpegPath = Annotated[
    str | None,
    typer.Option(
        "--ffmpeg",
        metavar="PATH",
        help="The ffmpeg program to use (default: that of the extra [bench], or the one on the PATH).",
    ),
]
ThemeName = Annotated[str, typer.Option("--theme", metavar="NAME", help="light or dark.")]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", metavar="N", min=1, help="Processes, each at a GOP (default: one a core, if there are GOPs)."
    ),
]
