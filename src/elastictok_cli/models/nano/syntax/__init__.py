"""What the bitstream says: the quadtree of coding blocks, motion, coefficients, and the order of frames."""

NAME = "elastictok-nano"
SYNTAX = "nano/5"  # the name that files carry
