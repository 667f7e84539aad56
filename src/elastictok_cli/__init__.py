"""elastictok: adaptive video tokenization, after ElasticTok (arXiv 2410.08368)."""

from __future__ import annotations

__version__ = "0.1.0"
