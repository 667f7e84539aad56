"""elastictok-nano, generation 5."""
