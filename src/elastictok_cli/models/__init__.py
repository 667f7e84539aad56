"""Models: the interface, the registry, and the models of this package, one room each.

Importing this package registers the models below it by name. Their networks and loops are loaded when they are used.
"""

from __future__ import annotations

from . import elastic, nano

__all__ = ["elastic", "nano"]
