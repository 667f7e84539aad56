"""Reconstruction: from tokens to pixels, the same in encoder and decoder."""
