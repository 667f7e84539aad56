"""The fixture `run`: commands as a user runs them."""

from __future__ import annotations

from reliability.running import run

__all__ = ["run"]
