"""All errors that a user may see, each with the exit code that docs/errors.md lists.

    ElasticTokError                1   any other error that is foreseen
    ├── UsageError                 2   an option or a value is impossible
    ├── InputError                 3   the input is no video or picture, cannot be decoded, or is not the encoded one
    ├── DamagedFile                4   an .etok file fails a check
    ├── UnsupportedFile            5   an .etok file needs a newer format, an unknown model or other weights
    ├── OutputError                6   the output exists, the disk is full, or writing is not allowed
    ├── ThresholdMissed            7   --strict and a block missed; verify found a block that is not as stored
    └── PartialResult              8   --recover or a truncated input: everything that could be read was written

Ctrl-C exits with 130, SIGTERM with 143. A message is one line: what is wrong, where, and what to do.
"""

from __future__ import annotations


class ElasticTokError(Exception):
    """Base of every error that the command line shows as one line."""

    exit_code = 1


class UsageError(ElasticTokError):
    """An option or a value is impossible."""

    exit_code = 2


class InputError(ElasticTokError):
    """The input is no video or picture, or nothing in it can be decoded."""

    exit_code = 3


class DamagedFile(ElasticTokError):
    """An .etok file fails a check: checksum, length, count or token digest."""

    exit_code = 4


class UnsupportedFile(ElasticTokError):
    """An .etok file needs something that is not installed: a newer format, a model, or other weights."""

    exit_code = 5


class OutputError(ElasticTokError):
    """The output exists, or cannot be written."""

    exit_code = 6


class ThresholdMissed(ElasticTokError):
    """A block misses the threshold, and the user asked for an error in this case."""

    exit_code = 7


class PartialResult(ElasticTokError):
    """Only part of the input could be read. That part was written completely."""

    exit_code = 8
