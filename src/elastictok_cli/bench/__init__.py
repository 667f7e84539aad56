"""How good a model is: the paper's Figure 4, rate against distortion beside other codecs, speed, what costs tokens."""

from .clips import Clip, find_clips
from .run import JobDone, Plan, Planned, run_bench

__all__ = ["Clip", "JobDone", "Plan", "Planned", "find_clips", "run_bench"]
