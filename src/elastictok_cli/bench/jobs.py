"""Measurements that are kept: each in a file of its own, found again if nothing that decides it has changed."""

from __future__ import annotations

import datetime
import hashlib
import json
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from ..atomic_file import atomic_write
from ..codec.workers import cores

PACKAGE = Path(__file__).parents[1]
CODING = ("codec", "container", "entropy", "models", "search", "metrics.py")
REFERENCES = ("video/reference.py", "video/peers.py", "video/perceptual.py", "video/colour.py")


@dataclass(frozen=True, kw_only=True)
class Job:
    """One measurement.

    what: for a person, also the start of the file's name. key: everything that decides the outcome. weight: seconds
    that it takes on some machine, for the time left. run: does it.
    """

    what: str
    key: tuple[Any, ...]
    weight: float
    run: Callable[[], dict[str, Any]]

    def path(self, folder: Path) -> Path:
        """Where its outcome is kept."""
        digest = hashlib.sha256(json.dumps(self.key, default=str).encode()).hexdigest()[:12]
        return folder / f"{self.what[:60].replace('/', '-').replace(' ', '-')}-{digest}.json"

    def kept(self, folder: Path) -> dict[str, Any] | None:
        """The outcome, if there is one."""
        try:
            found: dict[str, Any] = json.loads(self.path(folder).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        return found

    def do(self, folder: Path) -> dict[str, Any]:
        """Run it and keep the outcome, whole or not at all."""
        day = datetime.datetime.now(datetime.UTC).date().isoformat()
        outcome = {"what": self.what, "date": day, "machine": machine(), **self.run()}
        with atomic_write(self.path(folder)) as part:
            part.write_text(json.dumps(outcome), encoding="utf-8")
        return outcome


def coding_fingerprint() -> str:
    """Of the code that decides tokens and bytes: a changed encoder is measured again."""
    return _fingerprint(CODING)


def reference_fingerprint() -> str:
    """Of what other codecs' curves depend on: FFmpeg's build, and how it is called."""
    return f"{metadata.version('av')} {_fingerprint(REFERENCES)}"


def _fingerprint(names: tuple[str, ...]) -> str:
    digest = hashlib.sha256()
    for name in names:
        path = PACKAGE / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            digest.update(file.relative_to(PACKAGE).as_posix().encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]


def machine() -> str:
    """Processor and cores, which speeds depend on."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass  # other systems than Linux
    return f"{name}, {cores()} cores"
