"""`python -m elastictok_cli` is `elastictok`."""

from __future__ import annotations

import sys

from .cli.app import main

sys.exit(main())
