"""Tokens to bytes and back: the range coder, and the syntaxes that models register."""
