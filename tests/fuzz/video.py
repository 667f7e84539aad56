"""Fuzz the way in: small videos in every container that FFmpeg writes here, changed, through `encode` (`make fuzz`).

    python -m fuzz.video --inputs 20000 --seed 1        (in tests/)
    python -m fuzz.video --seed 1 --number 4711         one input again, with all that it says
    python -m fuzz.video --seed 1 --number 4711 --keep x.mkv      the input itself

A child process encodes 0.2 s of one input after the other, each in an empty folder, within limits of memory and time.
A crash of the interpreter, a traceback, more than one error line, an exit code of none of our own errors, a file left
behind, or an input that takes longer than --most seconds is a failure; the child is started again behind it.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import io
import json
import os
import selectors
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import av
from video.clips import write_video

from elastictok_cli.cli.app import main as elastictok

from .mutate import mutated, rng

# Muxers and an encoder of each: the suffix, the codec, its pixel format, sound beside it.
CONTAINERS = (
    ("mp4", "libx264", "yuv420p", "aac"), ("mov", "mjpeg", "yuvj420p", "pcm_s16le"),
    ("mkv", "ffv1", "yuv420p", "flac"), ("mkv", "libx264", "yuv444p", "vorbis"),
    ("webm", "libvpx-vp9", "yuv420p", "libopus"), ("webm", "libvpx", "yuv420p", None),
    ("avi", "mpeg4", "yuv420p", "mp3"), ("avi", "ffv1", "bgr0", None), ("flv", "libx264", "yuv420p", "aac"),
    ("flv", "flv", "yuv420p", None), ("ts", "libx264", "yuv420p", "aac"), ("ts", "mpeg2video", "yuv420p", "mp2"),
    ("m2ts", "libx264", "yuv420p", "ac3"), ("mpg", "mpeg1video", "yuv420p", "mp2"),
    ("vob", "mpeg2video", "yuv420p", "ac3"), ("ogv", "libvpx", "yuv420p", "libopus"),
    ("nut", "mpeg4", "yuv420p", "mp2"), ("mxf", "mpeg2video", "yuv420p", None),
    ("asf", "msmpeg4", "yuv420p", "wmav2"), ("wmv", "wmv2", "yuv420p", "wmav2"), ("gif", "gif", "rgb8", None),
    ("apng", "apng", "rgba", None), ("y4m", "rawvideo", "yuv420p", None), ("ivf", "libvpx-vp9", "yuv420p", None),
    ("obu", "libsvtav1", "yuv420p", None), ("3gp", "mpeg4", "yuv420p", "aac"), ("h264", "libx264", "yuv420p", None),
    ("hevc", "libx265", "yuv420p", None), ("m2v", "mpeg2video", "yuv422p", None), ("m4v", "mpeg4", "yuv420p", None),
    ("mjpeg", "mjpeg", "yuvj422p", None), ("wtv", "mpeg2video", "yuv420p", "mp2"), ("swf", "flv", "yuv420p", None),
    ("rm", "rv20", "yuv420p", None), ("ismv", "libx264", "yuv420p", "aac"), ("mp4", "libsvtav1", "yuv420p10le", None),
    ("mov", "prores_ks", "yuv422p10le", None), ("avi", "utvideo", "yuv420p", None), ("mkv", "snow", "yuv420p", None),
    ("avi", "cinepak", "rgb24", None), ("mov", "qtrle", "rgb24", None), ("mov", "png", "rgba", None),
    ("smjpeg", "mjpeg", "yuvj420p", None), ("filmstrip", "rawvideo", "rgba", None), ("amv", "amv", "yuvj420p", None),
)  # fmt: skip
KNOWN = {0, 3, 7, 8}  # what encode may end with
MEMORY = 3 << 30  # bytes above what the process has when it starts


@cache
def seeds() -> tuple[tuple[str, bytes], ...]:
    """(suffix, bytes) of every video that this FFmpeg can write."""
    found = []
    os.environ.setdefault("SVT_LOG", "1")  # it reports on stderr, and only this stops it
    with tempfile.TemporaryDirectory() as folder:
        for number, (suffix, codec, pixel_format, sound) in enumerate(CONTAINERS):
            path = Path(folder) / f"{number}.{suffix}"
            options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
            with contextlib.suppress(av.error.FFmpegError, ValueError, LookupError):
                write_video(
                    path, 6, size=(64, 48), codec=codec, pixel_format=pixel_format, sound=sound, options=options
                )
                found.append((suffix, path.read_bytes()))
    return tuple(found)


def made(seed: int, number: int) -> tuple[str, bytes]:
    """(suffix, bytes) of an input."""
    chance = rng(seed, number)
    suffix, data = seeds()[number % len(seeds())]
    return suffix, mutated(data, chance, [other for _, other in seeds()])


def attempt(suffix: str, data: bytes) -> tuple[int, str, str]:
    """Encode an input: (exit code, what was said, what is wrong with that, "" if nothing)."""
    with tempfile.TemporaryDirectory() as folder:
        path, out = Path(folder) / f"in.{suffix}", Path(folder) / "out.etok"
        path.write_bytes(data)
        said = io.StringIO()
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = elastictok(["encode", str(path), "-o", str(out), "--duration", "0.2", "-t", "0.05", "--jobs", "1"])
        text = said.getvalue()
        left = sorted(set(os.listdir(folder)) - {path.name, *([out.name] if code in (0, 7, 8) else [])})
    errors = [line for line in text.splitlines() if line.startswith("error")]
    if code not in KNOWN:
        return code, text, f"exit code {code}"
    if "Traceback" in text or (code not in (0, 8) and len(errors) != 1):
        return code, text, "not one line of error"
    return code, text, f"left behind: {', '.join(left)}" if left else ""


def work(seed: int, first: int, last: int, report_to: int) -> None:
    """The child: a line of JSON to an open file before and after each input."""
    attempt(*seeds()[0])  # all libraries loaded
    with contextlib.suppress(ImportError, OSError):
        import resource

        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = MEMORY + pages * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    with os.fdopen(report_to, "w", buffering=1) as report:
        for number in range(first, last):
            report.write(json.dumps({"at": number}) + "\n")
            suffix, data = made(seed, number)
            code, text, wrong = attempt(suffix, data)
            fields = {
                "at": number,
                "suffix": suffix,
                "code": code,
                "wrong": wrong,
                "said": text[-2000:] if wrong else "",
            }
            report.write(json.dumps(fields) + "\n")


def watched(seed: int, first: int, last: int, most_s: float, counts: collections.Counter[str]) -> tuple[int, list[str]]:
    """Run a child: (the input to go on with, failures). counts: gets how the inputs ended."""
    read, write = os.pipe()
    command = [sys.executable, "-X", "faulthandler", "-m", "fuzz.video", "--report", str(write), "--seed", str(seed)]
    command += ["--first", str(first), "--inputs", str(last - first)]
    failures, at = [], first
    with tempfile.TemporaryFile() as errors, os.fdopen(read, "rb", 0) as lines, selectors.DefaultSelector() as ready:
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, pass_fds=(write,))
        os.close(write)
        ready.register(lines, selectors.EVENT_READ)
        while (in_time := bool(ready.select(most_s))) and (line := lines.readline()):
            fields = json.loads(line)
            at = fields["at"]
            if "code" in fields:
                counts[f"exit {fields['code']}"] += 1
                if fields["wrong"]:
                    failures.append(f"input {at} (.{fields['suffix']}): {fields['wrong']}\n{fields['said']}")
        if not in_time:
            child.kill()
            failures.append(f"input {at}: took more than {most_s:g} s")
        elif child.wait():
            errors.seek(0)
            failures.append(f"input {at}: the process ended with {child.returncode}\n{errors.read()[-3000:].decode()}")
        return (last if child.wait() == 0 else at + 1), failures


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="go on from this number")
    parser.add_argument("--number", type=int, help="one input, here and now")
    parser.add_argument("--keep", metavar="PATH", help="with --number: write the input there and do nothing else")
    parser.add_argument("--most", type=float, default=60.0, metavar="SECONDS")
    parser.add_argument("--report", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.number is not None:
        suffix, data = made(chosen.seed, chosen.number)
        if chosen.keep:
            Path(chosen.keep).write_bytes(data)
        else:
            print(suffix, *attempt(suffix, data))
        return 0
    last = chosen.first + chosen.inputs
    if chosen.report is not None:
        work(chosen.seed, chosen.first, last, chosen.report)
        return 0
    number, failed = chosen.first, 0
    counts: collections.Counter[str] = collections.Counter()
    while number < last:
        number, failures = watched(chosen.seed, number, last, chosen.most, counts)
        failed += len(failures)
        for failure in failures:
            print(f"error: seed {chosen.seed} {failure}", flush=True)
    print("  ".join(f"{kind}: {count:,}" for kind, count in sorted(counts.items())))
    print(f"{chosen.inputs:,} videos of {len(seeds())} kinds, {failed} failures")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
