"""The hyperparameters of one original ElasticTok model, which its parameter file does not have.

Never imports torch: `weights convert` and `weights list` work without it.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import UsageError

GOP_BLOCKS = 4  # the longest sequence of blocks that the published models were trained on
MAX_SIZE = 1 << 20  # of any dimension of a model
OPTIONAL = ("fsq_quant_levels", "vae_bottleneck_dim", "seam_width")


@dataclass(frozen=True)
class ElasticConfig:
    """Hyperparameters under the original's names, so that its configuration files can be read as they are.

    patch_size: (frames, height, width) of one token. max_toks: tokens of a block. min_toks: the fewest that it was
    trained with. max_sequence_length: tokens of the longest sequence of blocks. resolution: side of the square frame in
    pixels. theta: base of the rotary embedding. fsq_quant_levels: levels by dimension (FSQ). vae_bottleneck_dim:
    dimensions of a latent (VAE). seam_width: of the filter across borders (seams.py), 0 for none; not in the original.
    """

    name: str
    bottleneck_type: str
    hidden_size: int
    intermediate_size: int
    num_encoder_layers: int
    num_decoder_layers: int
    num_attention_heads: int
    rms_norm_eps: float
    theta: float
    patch_size: tuple[int, int, int]
    frames_per_block: int
    resolution: int
    max_toks: int
    min_toks: int
    max_sequence_length: int
    fsq_quant_levels: tuple[int, ...] = (8, 8, 8, 5, 5, 5)
    vae_bottleneck_dim: int = 8
    seam_width: int = 0

    def __post_init__(self) -> None:
        """Check the values. Raises UsageError if they contradict each other."""
        t, h, w = self.patch_size
        for name, value in asdict(self).items():
            for number in value if isinstance(value, tuple) else (value,):
                if isinstance(number, int) and not 0 < number <= MAX_SIZE and name not in ("theta", "seam_width"):
                    raise UsageError(f"model config: {name} is {number}, must be 1 .. {MAX_SIZE}")
        if not 0 <= self.seam_width <= 1024 or (self.seam_width and (h, w) != (8, 8)):
            raise UsageError(
                f"model config: seam_width is {self.seam_width}; 0 .. 1024, and patches must be 8x8 for any"
            )
        for name in ("rms_norm_eps", "theta"):
            if not 0 < getattr(self, name) < math.inf:
                raise UsageError(f"model config: {name} is {getattr(self, name)}, must be above 0")
        if self.bottleneck_type not in ("fsq", "vae"):
            raise UsageError(f"model config: bottleneck_type is {self.bottleneck_type!r}, must be 'fsq' or 'vae'")
        if self.frames_per_block % t or self.resolution % h or self.resolution % w:
            raise UsageError(f"model config: patches of {t}x{h}x{w} do not fill a block of frames")
        if self.patches_per_block != self.max_toks:
            raise UsageError(
                f"model config: max_toks is {self.max_toks}, but a block has {self.patches_per_block} patches"
            )
        if self.hidden_size % (2 * self.num_attention_heads):
            raise UsageError(
                f"model config: {self.num_attention_heads} heads do not share a width of {self.hidden_size}"
            )
        if self.max_sequence_length < self.max_toks or self.min_toks > self.max_toks:
            raise UsageError("model config: a block has fewer tokens than min_toks, or more than max_sequence_length")

    @property
    def patches_per_block(self) -> int:
        """Patches in one block, the tokens before any is dropped."""
        t, h, w = self.patch_size
        return self.frames_per_block // t * (self.resolution // h) * (self.resolution // w)

    @property
    def patch_values(self) -> int:
        """Values in one patch: its pixels times three channels."""
        return 3 * math.prod(self.patch_size)

    @property
    def head_size(self) -> int:
        """Width of one attention head."""
        return self.hidden_size // self.num_attention_heads

    @property
    def latent_size(self) -> int:
        """Dimensions of a latent, the decoder's input."""
        return len(self.fsq_quant_levels) if self.bottleneck_type == "fsq" else self.vae_bottleneck_dim

    @property
    def pre_latent_size(self) -> int:
        """Dimensions of the encoder's output: the VAE has means and log-variances."""
        return self.latent_size * (2 if self.bottleneck_type == "vae" else 1)

    @property
    def gop_blocks(self) -> int:
        """Blocks in a GOP: 4 as in training, fewer if max_sequence_length is shorter."""
        return min(GOP_BLOCKS, self.max_sequence_length // self.max_toks)

    @property
    def syntax(self) -> str:
        """The name of the bitstream syntax of its tokens."""
        return f"{self.bottleneck_type}/1"

    def to_json(self) -> str:
        """One line of JSON, the same for equal configurations."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any], where: str = "model config") -> ElasticConfig:
        """From a JSON object. Unknown keys are ignored. Raises UsageError for a missing or wrong value."""
        fields = cls.__dataclass_fields__
        known: dict[str, Any] = {"name": f"elastic-{values.get('bottleneck_type')}"}
        known |= {key: values[key] for key in fields if key in values}
        missing = [k for k in fields if k not in known and k not in OPTIONAL]
        if missing:
            raise UsageError(f"{where}: {', '.join(missing)} missing")
        try:
            for key, value in known.items():
                known[key] = _coerce(str(fields[key].type), value)
        except (TypeError, ValueError, OverflowError):  # OverflowError: an infinite integer
            raise UsageError(f"{where}: {key} is {str(value)[:40]!r}") from None
        return cls(**known)

    @classmethod
    def from_file(cls, path: Path) -> ElasticConfig:
        """From a JSON file. Raises UsageError if it cannot be read or is no configuration."""
        try:
            with path.open("rb") as file:
                values = json.loads(file.read(1 << 20))
        except OSError as error:
            raise UsageError(f"`config` {path}: {error.strerror}; give fsq, vae or a JSON file") from None
        except (ValueError, RecursionError):
            raise UsageError(f"`config` {path}: not a JSON file") from None
        if not isinstance(values, dict):
            raise UsageError(f"`config` {path}: a JSON object is needed")
        return cls.from_mapping(values, path.name)


def _coerce(kind: str, value: Any) -> Any:
    """A JSON value as the type `kind` of a field. Raises TypeError or ValueError if it has another type."""
    if kind == "str":
        # The name becomes a file name and is printed.
        if not isinstance(value, str) or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", value):
            raise TypeError
        return value
    if kind.startswith("tuple"):
        items = tuple(_coerce("int", item) for item in value)
        if not 0 < len(items) <= 64 or (kind.count("int") == 3 and len(items) != 3):
            raise ValueError
        return items
    if isinstance(value, bool) or not isinstance(value, int | float) or (kind == "int" and value != int(value)):
        raise TypeError
    return int(value) if kind == "int" else float(value)


def _published(**changes: Any) -> ElasticConfig:
    """A published model: the preset `200m` of the original with the options of its inference scripts."""
    common = {
        "hidden_size": 1024,
        "intermediate_size": 2048,
        "num_encoder_layers": 10,
        "num_decoder_layers": 10,
        "num_attention_heads": 8,
        "rms_norm_eps": 1e-5,
        "frames_per_block": 4,
        "resolution": 256,
    }
    return ElasticConfig.from_mapping(common | changes)


PRESETS: dict[str, ElasticConfig] = {
    "fsq": _published(
        name="elastictok-fsq",
        bottleneck_type="fsq",
        theta=5e7,
        patch_size=(1, 8, 8),
        max_toks=4096,
        min_toks=256,
        max_sequence_length=16384,
    ),
    "vae": _published(
        name="elastictok-vae",
        bottleneck_type="vae",
        theta=5e6,
        patch_size=(2, 8, 8),
        max_toks=2048,
        min_toks=128,
        max_sequence_length=8192,
    ),
}


def config_named(name: str) -> ElasticConfig:
    """The configuration `fsq` or `vae`, or that of a JSON file. Raises UsageError as `from_file`."""
    return PRESETS[name] if name in PRESETS else ElasticConfig.from_file(Path(name))
