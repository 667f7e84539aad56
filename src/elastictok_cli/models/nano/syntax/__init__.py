"""The syntax of the bitstream: contexts, motion, residuals and the order of frames. Integers only, no pixels."""

NAME = "elastictok-nano"
SYNTAX = "nano/3"  # the name that files carry
