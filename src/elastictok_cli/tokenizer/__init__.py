"""Tensors in memory to tokens and back."""

from __future__ import annotations

from .codes import Codes
from .tokenizer import Tokenizer

__all__ = ["Codes", "Tokenizer"]
