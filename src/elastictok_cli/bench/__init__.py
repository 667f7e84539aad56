"""How good a model is: the paper's Figure 4, rate against distortion beside other codecs, speed, what costs tokens."""

from .clips import Clip, find_clips
from .plan import Plan, choose_codecs, choose_perceptual
from .run import JobDone, Planned, Written, run_bench

__all__ = [
    "Clip",
    "JobDone",
    "Plan",
    "Planned",
    "Written",
    "choose_codecs",
    "choose_perceptual",
    "find_clips",
    "run_bench",
]
