"""What tests of single rooms have (`batch.conftest`, `codec.dct`) is found here, and by processes that inherit it."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1]))
