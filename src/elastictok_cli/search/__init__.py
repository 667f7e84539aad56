"""The search room (see docs/architecture.md)."""
