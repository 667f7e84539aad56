"""The small codec and the clips of other rooms' tests, by their folders' names, as pytest itself calls them."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
