"""The video room (see docs/architecture.md)."""
