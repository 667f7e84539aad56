"""The old name of `workers`, until pipeline.py imports that."""

from .workers import cores as cores
from .workers import jobs_for as jobs_for
