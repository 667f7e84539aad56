"""What can go wrong, in the user's words, each kind with the exit code that the README lists.

    ElasticTokError                1   anything else that was foreseen
    ├── UsageError                 2   an option or value that cannot be meant
    ├── InputError                 3   not a video or picture, nothing decodable in it; another video than was encoded
    ├── DamagedFile                4   an .etok that fails a check
    ├── UnsupportedFile            5   an .etok of a newer format, an unknown model or generation
    ├── OutputError                6   output exists, no space, not writable
    ├── ThresholdMissed            7   --strict and a block missed; verify found a block that is not as stored
    └── PartialResult              8   --recover or a truncated input: what could be read was written

Ctrl-C exits with 130, SIGTERM with 143. A message is one line: what is wrong, where, and what to do.
"""

from __future__ import annotations


class ElasticTokError(Exception):
    """Base of every error that the command line shows as one line."""

    exit_code = 1


class UsageError(ElasticTokError):
    """An option or value that cannot be meant."""

    exit_code = 2


class InputError(ElasticTokError):
    """The input is no video or picture, or nothing in it can be decoded."""

    exit_code = 3


class DamagedFile(ElasticTokError):
    """An .etok file fails a check: checksum, length, count or token digest."""

    exit_code = 4


class UnsupportedFile(ElasticTokError):
    """An .etok file needs something that is not here: a newer format, a model, a weights generation."""

    exit_code = 5


class OutputError(ElasticTokError):
    """The output exists, or cannot be written."""

    exit_code = 6


class ThresholdMissed(ElasticTokError):
    """A block misses the threshold and that was declared fatal."""

    exit_code = 7


class PartialResult(ElasticTokError):
    """Only a part of the input could be read; that part was written whole."""

    exit_code = 8
