"""What README and docs say is so."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from elastictok_cli import errors

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_readme_lists_every_exit_code() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", README, re.MULTILINE)}
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)]
    assert listed == {0, 130, 141, 143, *(kind.exit_code for kind in kinds)}


def test_the_page_of_tokens_has_every_array_with_its_type() -> None:
    from elastictok_cli.container import Reader, token_arrays

    page = (ROOT / "docs" / "tokens.md").read_text(encoding="utf-8")
    with Reader(ROOT / "tests" / "golden" / "v1-fsq-sound.etok") as reader:
        arrays = token_arrays(reader)
    assert "values" in arrays
    for name, array in arrays.items():
        (row,) = (line for line in page.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1])
        assert array.dtype.kind == "U" or array.dtype.name in row


def test_the_file_tree_of_the_readme_is_the_tree() -> None:
    tree = README[README.index("    src/elastictok_cli/") :]
    rooms = set(re.findall(r"^      (\w+)/ ", tree, re.MULTILINE))
    here = {path.parent.name for path in (ROOT / "src" / "elastictok_cli").glob("*/__init__.py")}
    assert rooms == here
    for folder in re.findall(r"^    (\w+)/ ", tree, re.MULTILINE):
        assert (ROOT / folder).is_dir()


def test_commands_of_the_readme_have_only_options_that_exist() -> None:
    import typer.main

    from elastictok_cli.cli.app import app

    commands = typer.main.get_command(app).commands  # type: ignore[attr-defined]
    used = re.findall(r"elastictok (\w+)((?: [^\s#|]+)*)", "\n".join(re.findall("^    (.*)", README, re.MULTILINE)))
    assert len(used) > 10
    for name, rest in used:
        known = {option for parameter in commands[name].params for option in parameter.opts}
        for option in re.findall(r"(?:^| )(--?[a-z][\w-]*)", rest):
            assert option in known, f"{name} has no {option}"


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines]
    listed = re.findall(r"^\| ([\w\[\]-]+ [<>=][^|]*?) \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    assert sorted(name.replace(" ", "") for name in listed) == sorted([*project["dependencies"], *extras])


@pytest.mark.parametrize("path", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda p: p.name)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text(encoding="utf-8")):
        assert (path.parent / link).exists(), link


def test_the_glossary_names_files_that_exist() -> None:
    rows = [line for line in (ROOT / "docs/glossary.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    files = [match[1] for row in rows if (match := re.search(r"`([\w/]+\.py)` \|$", row))]
    assert len(files) == len([row for row in rows if not row.startswith("| term ")]) > 50
    assert [file for file in files if not (ROOT / "src" / "elastictok_cli" / file).exists()] == []
