"""Compare this implementation with arrays made by the original's code: python tests/parity/check.py DIR

DIR holds one folder per case, in the layout of the reference data, or is one. The kind of a case follows from its
files, not from its name. Prints the largest error of each array, each folder or array without a check, and totals in
the last line. Exit code 1 if anything misses.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[1] / "src")]

import numpy as np  # noqa: E402
from report import Report  # noqa: E402


def kind(folder: Path) -> Callable[[Path, Report], None] | None:
    """The check for the kind of case in a folder, None for an unknown one."""
    import parts
    from model_case import check_model

    config: Any = None
    if (folder / "config.json").is_file():
        config = json.loads((folder / "config.json").read_text())
    keys: set[str] = set()
    if (folder / "golden.npz").is_file():
        with np.load(folder / "golden.npz") as file:
            keys = set(file.files)
    if isinstance(config, dict) and "hidden_size" in config:
        params = any((folder / name).is_file() for name in ("params", "params_bf16"))
        if keys and params and (folder / "input.npz").is_file():
            return check_model
        return parts.check_formats if not keys and parts.streams(folder) else None
    if isinstance(config, list) and any(key.endswith(".curves") for key in keys):
        return parts.check_search
    if any(key.endswith(".levels") for key in keys):
        return parts.check_fsq
    if "positions" in keys:
        return parts.check_rope
    if any(key.startswith("frame") for key in keys) and any(key.startswith("image") for key in keys):
        return parts.check_preprocess
    return None


def run(folder: Path) -> Report:
    """Check a folder of cases, or one case."""
    report = Report()
    itself = kind(folder)
    for case in [folder] if itself else sorted(path for path in folder.iterdir() if path.is_dir()):
        try:
            check = itself or kind(case)
            if check is None:
                report.skip(case.name)
            else:
                check(case, report)
        except Exception as error:
            text = str(error).splitlines()[0] if str(error) else ""
            report.fact(case.name, f"stopped by {type(error).__name__}: {text}", False)
    print(report.total())
    return report


def main(arguments: list[str]) -> int:
    """Check the folder of the command line. Returns the exit code."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print(f"usage: python {sys.argv[0]} DIR", file=sys.stderr)
        return 2
    report = run(Path(arguments[0]))
    if not report.arrays and not report.skips:
        print(f"{arguments[0]}: no case in it", file=sys.stderr)
        return 2
    return 1 if report.misses else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
