"""elastictok-nano, the bundled model (docs/nano.md)."""
