"""How much memory each file of the gallery makes a command take: one line each, the largest last.

python -m hostile.memory        (in tests/)
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import tempfile
from pathlib import Path

from reliability.six import FILE, MODEL

from elastictok_cli.cli.app import main
from elastictok_cli.models import registry

from .gallery import cases


def peak_mb() -> float:
    """The largest resident size since `forget_peak`, or since the start where the system cannot forget."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1000
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1 << 20) if sys.platform == "darwin" else most / 1000


def forget_peak() -> None:
    """Where the system can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def quietly(*arguments: str) -> None:
    """Run a command, whatever it says."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        main(arguments)


def run() -> None:
    """All cases, after good files have had everything loaded."""
    found = registry.load_for
    registry.load_for = lambda header, *args, **options: (  # type: ignore[assignment]
        MODEL if header.model == MODEL.spec.name else found(header, *args, **options)
    )
    made, seen = cases(), []
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        quietly("decode", str(FILE), "-o", "warm.mkv")
        quietly("tokens", str(FILE), "-o", "warm.npz")
        quietly("weights", "verify", "elastictok-nano")
        for case in made:
            path = Path(folder) / f"lie{case.suffix}"
            path.write_bytes(case.data)
            forget_peak()
            before = peak_mb()
            quietly(*(str(path) if part == "{}" else part for part in case.command))
            seen.append((peak_mb() - before, case.name))
            path.unlink()
    for grown, name in sorted(seen):
        sys.stdout.write(f"{name} {grown:.1f}\n")


if __name__ == "__main__":
    run()
