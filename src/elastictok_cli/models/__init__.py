"""The models room (see docs/architecture.md)."""
