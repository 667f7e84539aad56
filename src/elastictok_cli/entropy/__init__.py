"""Entropy coders that any model's syntax may use."""
