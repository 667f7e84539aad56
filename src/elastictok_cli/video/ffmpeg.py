"""An ffmpeg program outside this package: found, asked what it was built with, and run.

Benchmarks use it for codecs and measures that PyAV's FFmpeg lacks. Nothing that encodes or decodes an .etok needs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ..errors import ElasticTokError, UsageError

OPTION = "`ffmpeg`"
INSTALL = "pip install 'elastictok[bench]' brings one, `ffmpeg` PATH names another"


def cpu_seconds() -> float | None:
    """CPU time of this process, all its threads, and the child processes that have ended; None where unknown."""
    try:
        import resource
    except ImportError:  # Windows counts no children
        return None
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def cpu_between(begin: float | None, end: float | None) -> float | None:
    """The difference of two `cpu_seconds`."""
    return None if begin is None or end is None else end - begin


@dataclass(frozen=True)
class Ffmpeg:
    """A program. path: of its file."""

    path: str

    @cached_property
    def version(self) -> str:
        """As it reports it, such as "9.0.2"."""
        words = self._ask("-version").split()
        return words[2] if len(words) > 2 else "unknown"

    @cached_property
    def encoders(self) -> frozenset[str]:
        """Names of the encoders that it was built with."""
        return self._second_column("-encoders")

    @cached_property
    def filters(self) -> frozenset[str]:
        """Names of the filters that it was built with."""
        return self._second_column("-filters")

    def _second_column(self, option: str) -> frozenset[str]:
        rows = (line.split() for line in self._ask(option).splitlines())
        return frozenset(row[1] for row in rows if len(row) > 2)

    def _ask(self, option: str) -> str:
        command = [self.path, "-hide_banner", option]
        return subprocess.run(command, capture_output=True, text=True, errors="replace", check=False).stdout

    def feed(self, arguments: Sequence[str], chunks: Iterable[bytes]) -> str:
        """Run it with `chunks` on standard input. Returns what it wrote to standard error.

        Raises ElasticTokError, with the last line that it wrote, if it fails.
        """
        command = [self.path, "-hide_banner", "-nostats", "-y", *arguments]
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, env=_environment()
            )
            assert process.stdin is not None
            try:
                with suppress(BrokenPipeError):  # it failed; its own message says why
                    for chunk in chunks:
                        process.stdin.write(chunk)
                    process.stdin.close()
            except BaseException:
                process.kill()
                raise
            finally:
                process.wait()
                with suppress(BrokenPipeError):
                    process.stdin.close()
            log.seek(0)
            text = log.read().decode(errors="replace")
        self._check(process.returncode, text)
        return text

    def read(self, arguments: Sequence[str], size: int) -> Iterator[bytes]:
        """Run it and yield its standard output in chunks of `size` bytes. Close it to stop early.

        Raises ElasticTokError, with the last line that it wrote, if it fails.
        """
        command = [self.path, "-hide_banner", "-nostats", "-nostdin", *arguments, "-"]
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log)
            assert process.stdout is not None
            try:
                while len(chunk := process.stdout.read(size)) == size:
                    yield chunk
            except BaseException:
                process.kill()
                raise
            finally:
                process.stdout.close()
                process.wait()
            log.seek(0)
            self._check(process.returncode, log.read().decode(errors="replace"))

    def _check(self, code: int, text: str) -> None:
        if code:
            last = next((line for line in reversed(text.splitlines()) if line.strip()), f"exit code {code}")
            raise ElasticTokError(f"{Path(self.path).name}: {last.strip()}")


def _environment() -> dict[str, str]:
    """This process's, without what silences SVT-AV1 here: its version is read from its log."""
    return {name: value for name, value in os.environ.items() if name != "SVT_LOG"}


def find_ffmpeg(path: str | None = None) -> Ffmpeg | None:
    """The program at `path`; or else the one of the package imageio-ffmpeg, or the system's. None if there is none.

    Raises UsageError if `path` is given and is no ffmpeg.
    """
    if path is not None:
        try:
            found = Ffmpeg(path)
            if found.version != "unknown":
                return found
        except OSError as error:
            raise UsageError(f"{OPTION} {path}: cannot be run: {error.strerror}") from error
        raise UsageError(f"{OPTION} {path}: is not an ffmpeg program")
    try:
        import imageio_ffmpeg

        return Ffmpeg(imageio_ffmpeg.get_ffmpeg_exe())
    except (ImportError, RuntimeError):  # not installed, or without a program for this system
        system = shutil.which("ffmpeg")
        return None if system is None else Ffmpeg(system)
