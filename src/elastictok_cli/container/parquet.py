"""pyarrow with its parquet, where it is installed."""

from __future__ import annotations

from typing import Any

from ..errors import UsageError


def pyarrow_for(what: str) -> Any:
    """The module. what: needs it, for the message. Raises UsageError without the extra `batch`."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise UsageError(f"{what} needs pyarrow; pip install 'elastictok[batch]' brings it") from None
    return pyarrow
