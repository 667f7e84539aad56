"""The old name of `multipass`, until pipeline.py imports that."""

from .multipass import encode_to_size as encode_to_size
