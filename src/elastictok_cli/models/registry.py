"""Which models there are, where their weights lie, and how a name, a file or an .etok's header becomes a
model.

Weights are .safetensors files that say in their metadata which model they are for. They are looked for in the
package (the bundled model) and in a folder of the user's, `folders.weights()`, where `weights pull` and `weights
convert` put theirs.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import re
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, cast

from ..errors import UnsupportedFile, UsageError
from ..folders import weights as weights_folder

if TYPE_CHECKING:
    import torch

    from .base import TokenModel
    from .elastic import Elastic

BUNDLED = "elastictok-nano"
PACKAGED = (BUNDLED, "elastictok-mini")
SUFFIX = ".safetensors"
MOST_NAME = 100  # letters
MOST_HEADER = 100 << 20  # as the safetensors library allows
PRECISIONS = ("float32", "bfloat16", "float16")
SHORT = {"fp32": "float32", "bf16": "bfloat16", "fp16": "float16"}
DEVICES = re.compile(r"auto|cpu|cuda(:\d+)?|mps")

PathLike = str | os.PathLike[str]


@dataclass(frozen=True)
class Known:
    """A model that has a name. repository, file, config: where the original's parameters are published, and
    their shape.

    revision, sha256: the commit and the parameters' SHA-256 that `weights pull` insists on. None as long as
    nobody here has held the published files; until then the first pull on a machine pins both for the pulls
    after it.
    """

    name: str
    about: str
    repository: str | None = None
    file: str | None = None
    config: str | None = None
    revision: str | None = None
    sha256: str | None = None


KNOWN = {
    known.name: known
    for known in (
        Known(BUNDLED, "comes with the package; the default"),
        Known("elastictok-mini", "comes with the package; the original's method in small"),
        Known("elastictok-fsq", "the original, 16-bit codes", "LargeWorldModel/ElasticTok-FSQ", "params", "fsq"),
        Known(
            "elastictok-vae",
            "the original, 8 numbers a token",
            "LargeWorldModel/ElasticTok-VAE",
            "params",
            "vae",
        ),
    )
}


@dataclass(frozen=True)
class WeightsFile:
    """What a weights file says about itself. digest: SHA-256 of all of it, hex; an .etok keeps 16 bytes."""

    path: Path
    model: str
    generation: int
    syntax: str
    bytes: int
    digest: str


class NamesModel(Protocol):
    """What an .etok's header says of its model."""

    @property
    def model(self) -> str: ...
    @property
    def model_digest(self) -> bytes: ...
    @property
    def generation(self) -> int: ...


def bundled(name: str = BUNDLED) -> Path:
    """The weights of a model of the package, there or beside src/ in a checkout. Raises UnsupportedFile."""
    here = Path(__file__).resolve()
    places = [
        here.parents[1] / "weights" / f"{name}{SUFFIX}",
        here.parents[3] / "weights" / f"{name}{SUFFIX}",
    ]
    for place in places:
        if place.is_file():
            return place
    raise UnsupportedFile(f"{name}: its weights are missing from this installation; install elastictok again")


def files() -> Iterator[Path]:
    """Weights files on this machine, those of the package first."""
    for name in PACKAGED:
        with suppress(UnsupportedFile):
            yield bundled(name)
    with suppress(UsageError):  # a user without a home has none
        yield from sorted(weights_folder().glob(f"*{SUFFIX}"))


def find(name: str) -> Path:
    """A model's weights file. Raises UsageError for an unknown name, UnsupportedFile if it is not here."""
    if name in PACKAGED:
        return bundled(name)
    place = next((path for path in files() if path.name == f"{name}{SUFFIX}"), None)
    if place is not None:
        return place
    if name in KNOWN:
        raise UnsupportedFile(
            f"{name}: its weights are not on this machine; 'elastictok weights pull {name}' gets them"
        )
    close = difflib.get_close_matches(name, KNOWN, 1)
    hint = f"did you mean {close[0]}?" if close else f"there are {', '.join(KNOWN)}, or give a {SUFFIX} file"
    raise UsageError(f"--model {name}: no such model; {hint}")


def metadata(path: Path) -> dict[str, str]:
    """Metadata of a .safetensors file, without its tensors. Raises UnsupportedFile if it is no model's."""
    try:
        with path.open("rb") as file:
            start = file.read(8)
            size = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            if not 2 <= size <= min(MOST_HEADER, path.stat().st_size - 8):
                raise ValueError
            header = json.loads(file.read(size))
        found = header.get("__metadata__", {})
        if not isinstance(found, dict) or "syntax" not in found:
            raise UnsupportedFile(
                f"{path.name}: a .safetensors file, but not made by elastictok; "
                "'elastictok weights convert' makes one of the original's params"
            )
        said = {str(key): str(value) for key, value in found.items()}
        if not said.get("model", "").isprintable() or len(said.get("model", "")) > MOST_NAME:
            raise UnsupportedFile(f"{path.name}: the name of its model cannot be printed")
        return said
    except OSError as error:
        raise UnsupportedFile(f"{path}: {error.strerror}") from None
    except (ValueError, AttributeError, RecursionError):
        raise UnsupportedFile(
            f"{path.name}: not a .safetensors file; 'elastictok weights convert' makes one of the original's params"
        ) from None


def describe(path: Path) -> WeightsFile:
    """Read what the file says and its digest. Raises UnsupportedFile."""
    said = metadata(path)
    generation = said.get("generation", "0")
    if not generation.isdecimal():
        raise UnsupportedFile(f"{path.name}: its generation is {generation[:20]!r}")
    name = said.get("model", BUNDLED)
    return WeightsFile(path, name, int(generation), said["syntax"], path.stat().st_size, sha256(path))


def sha256(path: Path) -> str:
    """Of a whole file, hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load(name: PathLike | None = None, device: str = "auto", precision: str = "float32") -> TokenModel:
    """A model by its name or its weights file; None for the bundled one.

    device: "auto" (a GPU if there is one), "cpu", "cuda", "cuda:1", "mps". precision: float32, or bfloat16 (bf16)
    or float16 (fp16), for the original models on GPUs. Raises UsageError for a name, device or precision that is none,
    UnsupportedFile for weights that are not here, not of a model, damaged, or of a newer version.
    """
    precision = SHORT.get(precision, precision)
    if precision not in PRECISIONS:
        raise UsageError(f"--precision {precision}: there are float32, {', '.join([*SHORT][1:])}")
    if not DEVICES.fullmatch(device):  # said of a model that has no use for one too
        raise UsageError(f"--device {device}: no such device; there are auto, cpu, cuda, cuda:N and mps")
    text = BUNDLED if name is None else os.fspath(name)
    is_file = text.endswith(SUFFIX) or os.path.basename(text) != text
    path = Path(text) if is_file else find(text)
    if is_file and not path.is_file():
        raise UsageError(f"--model {text}: no such file")
    syntax = metadata(path)["syntax"]
    if syntax in ("fsq/1", "vae/1"):
        from .adapter import ElasticModel

        where = _device(device)
        network = load_network(path, where, precision)
        return cast("TokenModel", ElasticModel(network, bytes.fromhex(sha256(path))[:16], where))
    if precision != "float32":
        raise UsageError(f"--precision {precision}: {Path(text).stem} has one precision only; leave the option out")
    from safetensors import SafetensorError

    from . import nano

    try:
        return cast("TokenModel", nano.load(path))
    except SafetensorError as error:
        raise UnsupportedFile(f"{path.name}: damaged: {str(error).splitlines()[0][:MOST_NAME]}") from None


load_model = load


def load_for(
    header: NamesModel, device: str = "auto", name: PathLike | None = None, precision: str | None = None
) -> TokenModel:
    """The model that an .etok was made with. name: where to look for it, if not among this machine's own.

    precision: None for the one that the file was made in: another shows other pixels than were measured.

    Raises UnsupportedFile if it is not here, and as `load`.
    """
    if precision is None:
        said = getattr(header, "extra", {}).get("precision")
        precision = said if said in PRECISIONS else "float32"
    if name is not None:
        return load(name, device, precision)
    wanted = header.model_digest.hex()
    for path in files():
        try:
            if metadata(path).get("model", BUNDLED) == header.model and sha256(path).startswith(wanted):
                return load(path, device, precision)
        except UnsupportedFile:
            continue  # a damaged file in the folder is not the one wanted
    get = (
        f"'elastictok weights pull {header.model}' or "
        if header.model in KNOWN and header.model not in PACKAGED
        else ""
    )
    raise UnsupportedFile(
        f"needs the weights of {header.model} generation {header.generation} ({wanted[:12]}), which are "
        f"not here; {get}--model FILE.safetensors gives them"
    )


def _device(name: str) -> torch.device:
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        raise UsageError(f"--device {name}: there is none on this machine; auto takes what there is") from None
    return device


def load_network(path: Path, device: torch.device, precision: str = "float32") -> Elastic:
    """The network of an original model alone. precision: one of PRECISIONS. Raises UnsupportedFile if the file
    is damaged or none."""
    import torch
    from safetensors import SafetensorError, safe_open

    from .config import ElasticConfig
    from .elastic import Elastic

    try:
        said: Any = json.loads(metadata(path).get("config", "{}"))
        config = ElasticConfig.from_mapping(said)
        with safe_open(path, framework="pt") as file:
            keys = set(file.keys())
            layers = config.num_encoder_layers + config.num_decoder_layers
            if len(keys) != 9 * layers + 8 + (config.bottleneck_type == "vae"):
                raise ValueError("its tensors are not those of its configuration")
            with torch.device("meta"):
                network = Elastic(config)
            wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
            if any(key not in keys or tuple(file.get_slice(key).get_shape()) != shape for key, shape in wanted.items()):
                raise ValueError("its tensors are not those of its configuration")
            dtype = getattr(torch, precision)
            # One by one, so that a bfloat16 file and its float32 copy are never both in memory. The
            # quantiser's steps stay float32: they are part of the format.
            state = {
                key: file.get_tensor(key).to(device, torch.float32 if key == "bottleneck.scale" else dtype)
                for key in wanted
            }
    except (SafetensorError, ValueError, AttributeError, UsageError) as error:
        raise UnsupportedFile(f"{path.name}: damaged or not a model's weights: {str(error).splitlines()[0]}") from None
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)
