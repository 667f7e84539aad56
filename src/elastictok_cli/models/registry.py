"""Models by name: how a name, a weights file or an .etok's header becomes a model.

A model registers a loader under its name:

    @register_model("toy", about="one grey level per block", syntaxes=("toy/1",))
    def load(request: LoadRequest) -> TokenModel: ...

A package outside this one names the module that does so in its entry points, under the model's name:

    [project.entry-points."elastictok.models"]
    toy = "toy_package.model"
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

from ..entropy.bitstream import find_syntax
from ..errors import UnsupportedFile, UsageError
from ..types import PathLike
from .openmp import share_cores
from .weights_files import SUFFIX, metadata, packaged_weights, sha256, weights_in_home

if TYPE_CHECKING:
    from .base import TokenModel

DEFAULT_MODEL = "elastictok-nano"
ENTRY_POINTS = "elastictok.models"
PRECISIONS = ("float32", "bfloat16", "float16")
SHORT_PRECISIONS = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
DEVICES = re.compile(r"auto|cpu|cuda(:\d+)?|mps")


@dataclass(frozen=True, kw_only=True)
class LoadRequest:
    """What a loader is given. weights: None if the model brings its own. precision: one of PRECISIONS."""

    weights: Path | None
    device: str
    precision: str


Loader = Callable[[LoadRequest], "TokenModel"]


@dataclass(frozen=True, kw_only=True)
class Published:
    """Where a model's original parameters are published.

    revision, sha256: the commit and the digest that `weights pull` insists on. None as long as nobody here has held
    the published file; the first pull on a machine then pins both for the pulls after it.
    """

    repository: str
    file: str
    config: str
    revision: str | None = None
    sha256: str | None = None


@dataclass(frozen=True, kw_only=True)
class ModelEntry:
    """A model that has a name.

    syntaxes: of weights files that its loader takes. weights: "packaged" if they come with this package, "home" if the
    user fetches them, "own" if the loader needs no file.
    """

    name: str
    about: str
    load: Loader
    syntaxes: tuple[str, ...]
    weights: Literal["packaged", "home", "own"] = "own"
    published: Published | None = None


class NamesModel(Protocol):
    """What an .etok's header says of its model."""

    @property
    def model(self) -> str: ...
    @property
    def model_digest(self) -> bytes: ...
    @property
    def generation(self) -> int: ...
    @property
    def extra(self) -> Mapping[str, Any]: ...


_entries: dict[str, ModelEntry] = {}


def register_model(
    name: str,
    *,
    about: str,
    syntaxes: tuple[str, ...],
    weights: Literal["packaged", "home", "own"] = "own",
    published: Published | None = None,
) -> Callable[[Loader], Loader]:
    """Decorate a loader: make its model known by this name. See ModelEntry for the arguments."""

    def register(load: Loader) -> Loader:
        _entries[name] = ModelEntry(
            name=name, about=about, load=load, syntaxes=syntaxes, weights=weights, published=published
        )
        return load

    return register


def _import_entry_points(name: str | None = None) -> None:
    """Import the modules of other packages that register models; those of this name only, or all."""
    from importlib.metadata import entry_points  # takes 20 ms; only needed for names that are not registered yet

    for point in entry_points(group=ENTRY_POINTS):
        if name in (None, point.name):
            try:
                point.load()
            except Exception as error:
                reason = f"{type(error).__name__}: {error}"
                raise UnsupportedFile(f"model {point.name}: {point.value} cannot be loaded: {reason}") from error


def entries() -> dict[str, ModelEntry]:
    """All models that have a name: the default one, the others that come with weights, then the rest."""
    _import_entry_points()
    order = {"packaged": 0, "home": 1, "own": 2}
    found = sorted(_entries.values(), key=lambda entry: (entry.name != DEFAULT_MODEL, order[entry.weights], entry.name))
    return {entry.name: entry for entry in found}


def find_entry(name: str) -> ModelEntry | None:
    """The model of this name; None if there is none."""
    if name not in _entries:
        _import_entry_points(name)
    return _entries.get(name)


def _entry_for(syntax: str) -> ModelEntry | None:
    """The first model whose loader takes weights of this syntax."""
    for candidates in (_entries, entries()):
        for entry in candidates.values():
            if syntax in entry.syntaxes:
                return entry
    return None


def weights_files() -> Iterator[Path]:
    """Weights files on this machine, those of the package first."""
    for entry in entries().values():
        if entry.weights == "packaged":
            with suppress(UnsupportedFile):
                yield packaged_weights(entry.name)
    yield from weights_in_home()


def find_weights(name: str) -> Path | None:
    """A model's weights file; None if the model needs none.

    Raises UsageError for an unknown name, UnsupportedFile if the file is not on this machine.
    """
    entry = find_entry(name)
    if entry is not None and entry.weights == "packaged":
        return packaged_weights(name)
    path = next((path for path in weights_in_home() if path.name == f"{name}{SUFFIX}"), None)
    if path is not None:
        return path
    if entry is not None and entry.weights == "own":
        return None
    if entry is not None:
        raise UnsupportedFile(
            f"{name}: its weights are not on this machine; 'elastictok weights pull {name}' gets them"
        )
    known = entries()
    close = difflib.get_close_matches(name, known, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}, or give a {SUFFIX} file"
    raise UsageError(f"`model` {name}: no such model; {hint}")


def load(name: PathLike | None = None, device: str = "auto", precision: str = "float32") -> TokenModel:
    """Load a model by its name or its weights file; None for the default one.

    device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", "mps". precision: float32, or bfloat16 (bf16)
    or float16 (fp16) for models with networks. Raises UsageError for a name, device or precision that does not exist,
    UnsupportedFile for weights that are not on this machine, not a model's, damaged, or of a newer version.
    """
    share_cores()  # before anything loads torch
    precision = SHORT_PRECISIONS.get(precision, precision)
    if precision not in PRECISIONS:
        raise UsageError(f"`precision` {precision}: there are float32, {', '.join([*SHORT_PRECISIONS][1:])}")
    if not DEVICES.fullmatch(device):  # checked for models that have no use for a device too
        raise UsageError(f"`device` {device}: no such device; there are auto, cpu, cuda, cuda:N and mps")
    text = DEFAULT_MODEL if name is None else os.fspath(name)
    is_file = text.endswith(SUFFIX) or os.path.basename(text) != text
    if is_file and not Path(text).is_file():
        raise UsageError(f"`model` {text}: no such file")
    weights = Path(text) if is_file else find_weights(text)
    if weights is None:
        entry = find_entry(text)
    else:
        syntax = metadata(weights)["syntax"]
        entry = _entry_for(syntax)
        if entry is None:
            raise UnsupportedFile(f"{weights.name}: made for syntax {syntax!r}, which no model of this version takes")
    assert entry is not None, "find_weights raises for a name that is unknown"
    return entry.load(LoadRequest(weights=weights, device=device, precision=precision))


def load_for(
    header: NamesModel, device: str = "auto", name: PathLike | None = None, precision: str | None = None, file: str = ""
) -> TokenModel:
    """Load the model that an .etok was made with. name: where to look for it, if not among this machine's own.

    precision: None for the one that the file was made in, since another one shows other pixels than were measured.
    file: the .etok's name, for the error.
    Raises UnsupportedFile if the model is not on this machine, and as `load`.
    """
    if precision is None:
        stored = header.extra.get("precision")
        precision = stored if stored in PRECISIONS else "float32"
    if name is not None:
        return load(name, device, precision)
    wanted = header.model_digest.hex()
    for path in weights_files():
        try:
            if metadata(path).get("model", path.stem) == header.model and sha256(path).startswith(wanted):
                return load(path, device, precision)
        except UnsupportedFile:
            continue  # a damaged file in the folder is not the one wanted
    entry = find_entry(header.model)
    if entry is not None and entry.weights == "own":
        model = load(header.model, device, precision)
        if model.spec.digest == header.model_digest:
            return model
    pull = f"'elastictok weights pull {header.model}' or " if entry is not None and entry.published else ""
    where = f"{file}: " if file else ""
    raise UnsupportedFile(
        f"{where}needs the weights of {header.model} generation {header.generation} ({wanted[:12]}), "
        f"which are not on this machine; {pull}`model` FILE.safetensors names them"
    )


def tables_for(header: Any, name: PathLike | None = None, file: str = "") -> Any:
    """Start values of the entropy coder that a file's tokens need; None where they need none.

    Loads the model only if it must: tokens that are codes are read without weights. Raises as `load_for`.
    """
    find_entry(header.model)  # a package outside this one registers the syntax along with its model
    return None if find_syntax(header.syntax).codes else load_for(header, "cpu", name, file=file).tables
