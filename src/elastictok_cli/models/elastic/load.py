"""Loads weights files of the original architecture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError, safe_open

from ...errors import UnsupportedFile, UsageError
from ..weights_files import metadata, sha256
from .adapter import ElasticModel
from .config import ElasticConfig
from .network import Elastic

if TYPE_CHECKING:
    from ..registry import LoadRequest


def load_model(request: LoadRequest) -> ElasticModel:
    """The model of a weights file. Raises UnsupportedFile if it is damaged, UsageError for a missing device."""
    assert request.weights is not None, "the registry gives this model its weights"
    device = find_device(request.device)
    network = load_network(request.weights, device, request.precision)
    return ElasticModel(network, bytes.fromhex(sha256(request.weights))[:16], device)


def find_device(name: str) -> torch.device:
    """The device of this name; "auto" is a GPU if there is one, else the CPU. Raises UsageError if it is missing."""
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError):
        raise UsageError(f"`device` {name}: this machine has none; auto takes what it has") from None
    return device


def load_network(path: Path, device: torch.device, precision: str = "float32") -> Elastic:
    """The network of a weights file. precision: name of a torch dtype. Raises UnsupportedFile for a damaged file."""
    try:
        fields: Any = json.loads(metadata(path).get("config", "{}"))
        config = ElasticConfig.from_mapping(fields)
        with safe_open(path, framework="pt") as file:
            keys = set(file.keys())
            layers = config.num_encoder_layers + config.num_decoder_layers
            seams = 5 if config.seam_width else 0
            if len(keys) != 9 * layers + 8 + (config.bottleneck_type == "vae") + seams:
                raise ValueError("its tensors are not those of its configuration")
            with torch.device("meta"):
                network = Elastic(config)
            wanted = {key: tuple(value.shape) for key, value in network.state_dict().items()}
            if any(key not in keys or tuple(file.get_slice(key).get_shape()) != shape for key, shape in wanted.items()):
                raise ValueError("its tensors are not those of its configuration")
            dtype = getattr(torch, precision)
            # One by one, so that a bfloat16 file and its float32 copy are never both in memory. The scale of the
            # VAE stays float32, because it is part of the format.
            state = {
                key: file.get_tensor(key).to(device, torch.float32 if key == "bottleneck.scale" else dtype)
                for key in wanted
            }
    except (SafetensorError, ValueError, AttributeError, UsageError) as error:
        raise UnsupportedFile(f"{path.name}: damaged or not a model's weights: {str(error).splitlines()[0]}") from None
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(False)
