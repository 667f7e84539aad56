"""`elastictok weights`: which models there are, where their weights lie, and getting the original's."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from . import options as opt
from .console import Console, size
from .help import Command, Group

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="""List, fetch, convert and check the weights of models.

    [bold]elastictok weights list[/bold]                                    what is here\n
    [bold]elastictok weights pull elastictok-fsq[/bold]                     fetch the published original\n
    [bold]elastictok weights convert params --config fsq -o m.safetensors[/bold]   or convert one's own
    """,
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="A model's name, see 'elastictok weights list'.")]


@app.command("list", cls=Command)
def list_(json_lines: opt.Json = False, debug: opt.Debug = False) -> None:
    """List models by name, and the weights that are on this machine."""
    from ..errors import UnsupportedFile
    from ..models.registry import entries, weights_files
    from ..models.weights_files import WeightsFile, describe

    console = Console(json_lines=json_lines)
    here: list[WeightsFile] = []
    for path in weights_files():
        try:
            here.append(describe(path))
        except UnsupportedFile as error:
            console.note(f"{path.parent}: {error}")
    others = [entry for entry in entries().values() if entry.name not in {file.model for file in here}]
    if json_lines:
        for file in here:
            console.emit(
                {
                    "type": "weights",
                    "name": file.model,
                    "generation": file.generation,
                    "syntax": file.syntax,
                    "bytes": file.bytes,
                    "sha256": file.digest,
                    "path": str(file.path),
                }
            )
        for entry in others:
            console.emit({"type": "weights", "name": entry.name, "path": None})
        return
    for file in here:
        said = f"generation {file.generation}, {file.syntax}, {size(file.bytes)}, {file.digest[:12]}"
        sys.stdout.write(f"{file.model:16} {said}  {file.path}\n")
    for entry in others:
        how = {"own": "ready", "packaged": "missing", "home": f"'elastictok weights pull {entry.name}' gets it"}
        sys.stdout.write(f"{entry.name:16} {entry.about}; {how[entry.weights]}\n")


@app.command(cls=Command, no_args_is_help=True)
def path(name: Name, debug: opt.Debug = False) -> None:
    """Print the path of a model's weights; fail if they are not on this machine."""
    from ..models.registry import find_weights

    sys.stdout.write(f"{find_weights(name) or 'no weights file: the model brings its own'}\n")


@app.command(cls=Command, no_args_is_help=True)
def convert(
    params: Annotated[Path, typer.Argument(metavar="PARAMS", help="The original's file called params (no pickle).")],
    config: Annotated[
        str,
        typer.Option(
            "--config",
            metavar="fsq|vae|FILE.json",
            help="Configuration: a published model, or a JSON file.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE.safetensors",
            help="Default: the folder where models are found by name.",
        ),
    ] = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Convert parameters of the original ElasticTok to a .safetensors file, which --model takes.

    [bold]elastictok weights convert params --config fsq -o fsq.safetensors[/bold]\n
    [bold]elastictok encode in.mp4 --model fsq.safetensors --threshold 0.003[/bold]
    """
    from ..errors import OutputError, UsageError
    from ..folders import home
    from ..models.elastic.config import config_named
    from ..models.elastic.convert import convert as run
    from ..models.weights_files import SUFFIX, describe

    shape = config_named(config)
    if output is None:
        output = home() / f"{shape.name}{SUFFIX}"
        output.parent.mkdir(parents=True, exist_ok=True)
    if output.suffix != SUFFIX:
        raise UsageError(f"-o {output}: must end in {SUFFIX}, so that --model knows it for a file")
    if not output.parent.is_dir():
        raise OutputError(f"{output}: the folder {output.parent} does not exist")
    weights = run(params, shape, output, overwrite=force)
    file = describe(output)
    Console(quiet).line(f"{output}: {file.model}, {weights:,} weights, {size(file.bytes)}, {file.digest[:12]}")


@app.command(cls=Command, no_args_is_help=True)
def pull(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="A model's name, see 'elastictok weights list'.", autocompletion=opt.complete_published
        ),
    ],
    revision: Annotated[
        str | None, typer.Option("--revision", metavar="COMMIT", help="Commit to fetch instead of the pinned one.")
    ] = None,
    sha256: Annotated[
        str | None, typer.Option("--sha256", metavar="HEX", help="SHA-256 that the published file must have.")
    ] = None,
    force: opt.Force = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Fetch a published model from the Hugging Face Hub and convert it; continue an interrupted pull.

    Needs the extra: pip install 'elastictok\\[hub]'. HF_HUB_OFFLINE, HF_ENDPOINT and HF_TOKEN mean what they
    always do.
    """
    from ..models.elastic.hub import pull as run
    from ..models.weights_files import describe

    console = Console(quiet)
    file = describe(run(name, revision=revision, digest=sha256, force=force, on_status=lambda text: console.line(text)))
    console.line(f"{file.model}: {size(file.bytes)}, {file.digest[:12]}")
    sys.stdout.write(f"{file.path}\n")


@app.command(cls=Command, no_args_is_help=True)
def verify(
    name: Annotated[str, typer.Argument(metavar="NAME|FILE", help="A model's name or a .safetensors file.")],
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Load a model's weights as encode would, and compare them with the digest noted when they were pulled."""
    from ..models.elastic.hub import check
    from ..models.registry import find_weights, load
    from ..models.weights_files import SUFFIX, describe

    where = Path(name) if name.endswith(SUFFIX) else find_weights(name)
    if where is None:
        load(name, device="cpu")
        Console(quiet).line(f"{name}: good; it has no weights file")
        return
    load(where, device="cpu")
    file = describe(where)
    known = check(file)
    said = "as pulled" if known else "nothing written down to compare with"
    Console(quiet).line(f"{where}: good; {file.model} generation {file.generation}, SHA-256 {file.digest} ({said})")
