"""What README and docs say is so."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from elastictok_cli import errors

ROOT = Path(__file__).parents[1]
PAGES = sorted(ROOT.glob("docs/**/*.md"))


def test_the_page_of_errors_lists_every_exit_code() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)}
    kinds = [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)]
    assert listed == {0, 130, 141, 143, *(kind.exit_code for kind in kinds)}


def test_the_page_of_tokens_has_every_array_with_its_type() -> None:
    import elastictok_cli.models  # noqa: F401  (registers the syntaxes of tokens)
    from elastictok_cli.container import Reader, token_arrays

    page = (ROOT / "docs" / "tokens.md").read_text(encoding="utf-8").split("## Arrays")[1].split("\n## ")[0]
    with Reader(ROOT / "tests" / "golden" / "v1-fsq-sound.etok") as reader:
        arrays = token_arrays(reader)
    assert "values" in arrays
    for name, array in arrays.items():
        (row,) = (line for line in page.splitlines() if line.startswith("|") and f"`{name}`" in line.split("|")[1])
        assert array.dtype.kind == "U" or array.dtype.name in row


def test_the_table_of_the_architecture_has_every_room() -> None:
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = set(re.findall(r"^\| `(\w+)/` \|", page, re.MULTILINE))
    assert rooms == {path.parent.name for path in (ROOT / "src" / "elastictok_cli").glob("*/__init__.py")}


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= 150


def test_the_site_has_every_page() -> None:
    def pages(entries: list[object]) -> Iterator[str]:
        for entry in entries:
            for target in entry.values() if isinstance(entry, dict) else [entry]:
                yield from pages(target) if isinstance(target, list) else [target]

    site = tomllib.loads((ROOT / "zensical.toml").read_text(encoding="utf-8"))["project"]
    assert sorted(pages(site["nav"])) == [path.relative_to(ROOT / "docs").as_posix() for path in PAGES]


def test_the_page_of_errors_has_every_gallery() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    files = sorted((ROOT / "tests" / "cli" / "expected" / "errors").glob("*.txt"))
    assert files and all(f'--8<-- "{path.relative_to(ROOT).as_posix()}"' in page for path in files)


def test_the_citation_is_of_the_newest_version() -> None:
    newest = re.search(r"^## ([\d.]+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert newest
    for name in ("CITATION.cff", "docs/licences.md"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert re.search(rf"version\s*[:=] {{?{re.escape(newest[1])}\b", text), name


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [line for name, lines in project["optional-dependencies"].items() if name != "dev" for line in lines]
    listed = re.findall(r"^\| ([\w\[\]-]+ [<>=][^|]*?) \|", (ROOT / "docs/dependencies.md").read_text(), re.MULTILINE)
    assert sorted(name.replace(" ", "") for name in listed) == sorted([*project["dependencies"], *extras])


@pytest.mark.parametrize(
    "path",
    [*sorted(ROOT.glob("*.md")), *sorted(ROOT.glob("weights/*.md")), *PAGES],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_links_between_pages_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", path.read_text(encoding="utf-8")):
        target = link.partition("#")[0]
        if target and not re.match(r"[a-z]+:", target):
            found = (path.parent / target).resolve()
            assert found.exists(), link
            assert path not in PAGES or found.is_relative_to(ROOT / "docs"), f"{link}: the site has only docs/"


def test_the_glossary_names_files_that_exist() -> None:
    rows = [line for line in (ROOT / "docs/glossary.md").read_text(encoding="utf-8").splitlines() if line[:2] == "| "]
    files = [match[1] for row in rows if (match := re.search(r"`([\w/]+\.py)` \|$", row))]
    assert len(files) == len([row for row in rows if not row.startswith("| term ")]) > 50
    assert [file for file in files if not (ROOT / "src" / "elastictok_cli" / file).exists()] == []
