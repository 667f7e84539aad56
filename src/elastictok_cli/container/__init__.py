"""The container room (see docs/architecture.md)."""
