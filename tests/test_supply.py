"""What is let in: nothing that runs code out of a file, no network that was not asked for, and pinned, hashed tools."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src" / "elastictok_cli"
FILES = sorted(SOURCE.rglob("*.py"))
LOCK = (ROOT / "requirements-dev.lock").read_text(encoding="utf-8")

RUNS_CODE = {"pickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "code", "codeop"}
# Between this program and the processes that it starts itself, over a pipe of its own; never out of a file.
OWN_PROCESSES = {"codec/workers.py", "codec/worker_process.py", "batch/engine.py"}
CALLS = {"eval", "exec", "compile", "__import__"}
NETWORK = {"socket", "ssl", "http", "urllib", "ftplib", "smtplib", "asyncio", "requests", "httpx", "aiohttp", "fsspec",
           "s3fs", "huggingface_hub", "ray", "xmlrpc"}  # fmt: skip
# Only on a word of the user's: `weights pull`, an address in `batch` or in Python, a model of a hub in Python, a
# cluster. urlsplit takes text apart.
ASKED_FOR = {
    "models/elastic/hub.py",
    "models/pretrained.py",
    "batch/remote.py",
    "batch/cluster.py",
    "container/store.py",
}


def name_of(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.split(".")[0]


def calls(tree: ast.AST) -> Iterator[tuple[str, ast.Call]]:
    """(name as written, call): "eval", "np.load"."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func), node


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nothing_runs_code_out_of_a_file_or_opens_a_network_unasked(path: Path) -> None:
    tree, name = ast.parse(path.read_text(encoding="utf-8")), name_of(path)
    found = set(imported(tree))
    assert name in OWN_PROCESSES or not found & RUNS_CODE
    assert name in ASKED_FOR or not found & NETWORK
    for what, call in calls(tree):
        assert what not in CALLS, f"line {call.lineno}: {what}"
        assert not re.search(r"(yaml\.load|torch\.load|pickle\.load|pandas\.read_pickle)$", what), (
            f"line {call.lineno}: {what}"
        )
        if re.search(r"\bnp\.load$|numpy\.load$", what):  # numpy's own default forbids objects, and says so here too
            allowed = {word.arg: ast.unparse(word.value) for word in call.keywords}.get("allow_pickle", "False")
            assert allowed == "False", f"line {call.lineno}"


def test_the_check_sees_what_it_forbids() -> None:
    tree = ast.parse("import pickle, http.client\nfrom urllib.request import urlopen\neval('1')\nnp.load(f)")
    assert set(imported(tree)) == {"pickle", "http", "urllib"}
    assert [what for what, _ in calls(tree)] == ["eval", "np.load"]


WATCHED = """
import sys
def watch(event, arguments):
    if event.startswith(("socket.", "urllib.", "http.", "ftplib.")) and event != "socket.__new__":
        raise PermissionError(f"{event} {arguments}")
sys.addaudithook(watch)
from elastictok_cli.cli.app import main
clip, etok, out = sys.argv[1:]
for command in (["encode", clip, "-o", etok, "--tokens", "20", "--size", "32", "--duration", "0.3", "--jobs", "1"],
                ["stats", etok], ["info", etok], ["verify", etok], ["decode", etok, "-o", out, "--jobs", "1"],
                ["weights", "list"]):
    code = main(command)
    assert code == 0, (command, code)
"""


def test_no_command_opens_a_connection(tmp_path: Path) -> None:
    """Python tells this hook of every one; FFmpeg would need an address, and is given paths of files that exist."""
    command = [sys.executable, "-c", WATCHED, ROOT / "examples" / "demo.mp4", tmp_path / "a.etok", tmp_path / "a.y4m"]
    said = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr[-2000:]


# --- the lock file


def pinned() -> dict[str, tuple[str, int]]:
    """name: (version, how many hashes); of several versions for several Pythons, the first."""
    found: dict[str, tuple[str, int]] = {}
    for entry in re.finditer(r"^([\w.-]+)==(\S+)(.*(?:\n    --hash=sha256:[0-9a-f]{64}.*)*)", LOCK, re.MULTILINE):
        found.setdefault(entry[1].lower().replace("_", "-"), (entry[2], entry[3].count("--hash=sha256:")))
    return found


def test_every_tool_is_pinned_and_hashed_and_no_address_is_in_the_file() -> None:
    assert len(pinned()) > 40
    assert [name for name, (_, hashes) in pinned().items() if not hashes] == []
    assert not re.search(r"://|--(extra-)?index|--find-links|@ ", LOCK)


def test_the_lock_file_has_what_the_project_asks_for() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for line in [*project["dependencies"], *project["optional-dependencies"]["dev"]]:
        wanted = Requirement(line)
        version = pinned()[wanted.name.lower().replace("_", "-")][0]
        assert wanted.specifier.contains(version), f"{line}, not {version}: make lock"
    torch = re.search(r"TORCH  \?= torch==(\S+)", (ROOT / "Makefile").read_text(encoding="utf-8"))
    assert torch and torch[1] == pinned()["torch"][0]
