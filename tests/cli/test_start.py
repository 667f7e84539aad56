"""Starting: what is loaded, what `--help` and `--version` say, completion."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from elastictok_cli import __version__, errors
from elastictok_cli.cli.app import EXIT_CODES

from .conftest import Run, process

GOLDEN = Path(__file__).parents[1] / "golden" / "v1-fsq-sound.etok"
HEAVY = ("torch", "numba", "av", "matplotlib", "scipy")

PROBE = """
import sys
from elastictok_cli.cli.app import main
assert main(sys.argv[1:]) == 0
print("loaded:", *sorted(name for name in {heavy} if name in sys.modules))
"""


def loaded(*arguments: str | Path) -> set[str]:
    """Heavy libraries in sys.modules after a command."""
    script = PROBE.format(heavy=(*HEAVY, "numpy"))
    command = [sys.executable, "-c", script, *map(str, arguments)]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return set(out.splitlines()[-1].split()[1:])


@pytest.mark.parametrize(
    "command", ["", "encode", "decode", "batch", "stats", "info", "verify", "tokens", "pack", "weights"]
)
def test_help_loads_nothing_heavy(command: str) -> None:
    assert loaded(*command.split(), "--help") == set()


@pytest.mark.parametrize("arguments", [["stats"], ["stats", "--json"], ["stats", "--csv"], ["info"]])
def test_looking_at_a_file_loads_neither_torch_nor_numba(arguments: list[str]) -> None:
    assert loaded(*arguments, GOLDEN) == {"numpy"}


def test_version_loads_no_library_to_ask_it() -> None:
    assert loaded("--version") == {"numpy"}


def test_version_names_tool_format_model_and_libraries(run: Run) -> None:
    said = run("--version")
    assert said.code == 0
    assert said.out.startswith(f"elastictok {__version__}\nformat     .etok version 1\nmodel      elastictok-nano")
    for library in ("torch", "av", "numpy", "numba"):
        assert re.search(rf"{library} \d+\.\d+", said.out)


def test_help_opens_with_three_examples_and_names_all_commands(run: Run) -> None:
    said = run("--help")
    assert said.code == 0
    head = said.out[: said.out.index("Options")]
    assert len(re.findall(r"^ elastictok \w+ in", head, re.MULTILINE)) == 3
    for command in ("encode", "decode", "stats", "info", "verify", "tokens", "weights"):
        assert command in said.out


WITH_EXAMPLES = ("encode", "decode", "batch", "stats", "info", "verify", "tokens", "pack", "compare", "bench")


@pytest.mark.parametrize("command", WITH_EXAMPLES)
def test_examples_in_help_fit_a_line_and_nothing_in_it_is_lost(run: Run, command: str) -> None:
    said = run(command, "--help")
    examples = [line for line in said.out.splitlines() if "elastictok " in line and "Usage" not in line]
    assert len(examples) >= 2
    assert all("  " in line.strip() for line in examples)  # what it does stands behind it, in one line
    assert not re.search(r" \.[ │]", said.out)  # what looks like markup to rich would vanish there


def test_help_names_every_exit_code() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    named = {int(code) for code in re.findall(r"(\d+) [a-z]", EXIT_CODES)}
    assert named == {0, 130, 143, *(kind.exit_code for kind in kinds)}


def test_completion_offers_commands() -> None:
    said = process(_ELASTICTOK_COMPLETE="complete_bash", COMP_WORDS="elastictok st", COMP_CWORD="1")
    assert said.stdout.decode().split() == ["stats"]


def test_completion_offers_options() -> None:
    said = process(_ELASTICTOK_COMPLETE="complete_bash", COMP_WORDS="elastictok encode --thr", COMP_CWORD="2")
    assert said.stdout.decode().split() == ["--threshold", "--threads"]


@pytest.mark.parametrize("command", ["stats GOLDEN --json", "decode ETOK -q -o -", "encode CLIP -q -o - --model MODEL"])
def test_a_reader_that_stops_early_hears_no_complaint(command: str, clip: Path, etok: Path, model: str) -> None:
    named = {"GOLDEN": str(GOLDEN), "ETOK": str(etok), "CLIP": str(clip), "MODEL": model}
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "elastictok_cli", *(named.get(word, word) for word in command.split())]
    try:
        said = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    finally:
        os.close(writing)
    assert (said.returncode, said.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full")
def test_records_that_find_no_room_end_in_one_line() -> None:
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "elastictok_cli", "info", str(GOLDEN), "--json"]
        said = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert said.returncode == 6 and said.stderr == "error: No space left on device\n"


@pytest.mark.parametrize(
    ("own", "set_to"), [({}, "3000"), ({"GOMP_SPINCOUNT": "7"}, "7"), ({"OMP_WAIT_POLICY": "ACTIVE"}, None)]
)
def test_threads_do_not_wait_by_spinning_for_long(
    own: dict[str, str], set_to: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the user has said how they should."""
    for name in ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in own.items():
        monkeypatch.setenv(name, value)
    code = (
        "import os; from elastictok_cli.models.registry import load\n"
        "load('elastictok-nano'); print(os.environ.get('GOMP_SPINCOUNT'))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == str(set_to)
