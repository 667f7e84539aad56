"""The benchmark's page in a real browser: its tables sort, by mouse and by keyboard, and nothing overflows."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from report.chromium import Page, find

from elastictok_cli.bench.html_page import html_page

MARKDOWN = """# Benchmarks

Made by *nobody*.

| clip | bytes | over it |
|---|---|---|
| b | 12,345 | 1.07 / 1.10 (3 of 4) |
| a | 900 | none reached |
| c | 2,000 | 0.90 / 0.95 |
"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    program = find()
    if program is None:
        assert not os.environ.get("CI"), "Chromium is missing; .ci/run installs it"
        pytest.skip("Chromium is not on this machine (apt-get install chromium)")
    folder = tmp_path_factory.mktemp("page")
    (folder / "report.html").write_text(html_page(MARKDOWN, folder))
    with Page(program, (folder / "report.html").as_uri(), folder / "profile", (600, 800)) as opened:
        opened.until("document.querySelector('th button')")
        yield opened


def column(page: Page, number: int) -> list[str]:
    script = f"[...document.querySelectorAll('tbody tr')].map(row => row.cells[{number}].textContent)"
    return list(page.run(script))


def press(page: Page, number: int) -> str:
    return str(page.run(f"{{ const h = document.querySelectorAll('th')[{number}]; h.firstChild.click(); h.ariaSort }}"))


def test_tables_sort_by_number_where_there_are_numbers(page: Page) -> None:
    assert press(page, 1) == "ascending" and column(page, 1) == ["900", "2,000", "12,345"]
    assert press(page, 1) == "descending" and column(page, 1) == ["12,345", "2,000", "900"]
    assert press(page, 0) == "ascending" and column(page, 0) == ["a", "b", "c"]
    assert press(page, 2) == "ascending"
    assert column(page, 2) == ["0.90 / 0.95", "1.07 / 1.10 (3 of 4)", "none reached"]
    assert press(page, 2) == "descending" and column(page, 2)[-1] == "none reached"  # words come last either way


def test_headings_are_buttons_and_the_page_is_no_wider_than_its_window(page: Page) -> None:
    assert page.run("[...document.querySelectorAll('th button')].every(b => b.tabIndex === 0)")
    assert page.run("document.documentElement.scrollWidth") == 600
    assert page.errors == [] and page.asked == []


def test_the_theme_changes(page: Page) -> None:
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.run(paper)
    page.run("document.querySelector('header button').click()")
    assert page.run(paper) != before
