"""The codec room (see docs/architecture.md)."""
