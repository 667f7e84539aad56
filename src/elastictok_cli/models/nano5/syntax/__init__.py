"""What the bitstream says: the quadtree of coding blocks, motion, coefficients, and the order of frames."""

NAME = "elastictok-nano5"
SYNTAX = "nano/5"  # the name that files carry
