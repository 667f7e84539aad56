"""The recipe is no package: its modules import each other by their plain names, as when they are run."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "weights" / "recipe"))
