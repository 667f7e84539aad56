"""The report as a page: what is in it, and that it needs nothing from outside."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from elastictok_cli.report.page import FileReport, Player, html_report

from .files import CLIP, CLIP_MISSED, UNMEASURED, usage

MAPS = [np.full((3, 4), i) for i in range(len(CLIP))]


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data: dict[str, Any] = json.loads(found[1])
    return data


class Links(HTMLParser):
    """Everything that a browser would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in ("src", "href", "poster", "srcset", "data")]


def test_the_page_fetches_nothing(tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"bytes of a video")
    page = html_report([FileReport(usage=usage(CLIP), heat=MAPS)], {"source": Player(video, 0.0, "a.mp4")}, [0.5])
    links = Links()
    links.feed(page)
    assert links.found == ["data:video/mp4;base64," + base64.b64encode(b"bytes of a video").decode()]
    assert not re.search(r"url\((?!#)|@import|fetch\(|XMLHttp|import\(", page)
    assert "default-src 'none'" in page


def test_blocks_are_those_of_the_file() -> None:
    found = usage(CLIP, CLIP_MISSED)
    (file,) = data_of(html_report([FileReport(usage=found)]))["files"]
    assert [b["tokens"] for b in file["blocks"]] == CLIP
    assert [b["index"] for b in file["blocks"] if not b["met"]] == CLIP_MISSED
    assert file["duration_s"] == pytest.approx(found.duration_s)
    assert file["blocks"][-1]["bytes_so_far"] == sum(found.gop_bytes)
    assert file["blocks"][7]["bytes_so_far"] == found.gop_bytes[0]  # where the first GOP ends
    assert "heat" not in file and "rates" not in file
    assert [b["short"] for b in file["blocks"]] == [False] * len(CLIP)


def test_lossless_blocks_and_fixed_counts_have_no_number_that_json_has_not() -> None:
    found = usage([0, 0], threshold=0.007, target="tokens", target_value=5.0)
    (file,) = data_of(html_report([FileReport(usage=found)]))["files"]
    assert file["goal_db"] is None


def test_what_was_not_measured_is_told_from_what_is_lossless() -> None:
    files = data_of(html_report([FileReport(usage=usage(CLIP)), FileReport(usage=usage(CLIP, **UNMEASURED))]))["files"]
    assert [file["measured"] for file in files] == [True, False]
    assert {block["psnr_db"] for block in files[1]["blocks"]} == {None}


def test_heat_maps_and_rates_come_along() -> None:
    rates = {0: [(4000, 0.0065), (2000, 0.01)], 3: [(780, 0.0069)]}
    (file,) = data_of(html_report([FileReport(usage=usage(CLIP), heat=MAPS, rates=rates)]))["files"]
    heat = file["heat"]
    assert (heat["rows"], heat["columns"], heat["cell"], heat["size"]) == (3, 4, [16, 16], [64, 48])
    assert heat["maps"][5] == [5] * 12 and heat["most"] == 14
    assert file["rates"]["0"] == [[4000, 0.0065], [2000, 0.01]]


def test_names_cannot_break_out_of_the_page() -> None:
    found = usage(CLIP)
    evil = FileReport(usage=type(found)(**{**found.__dict__, "name": "</script><script>alert(1)</script>$x.etok"}))
    page = html_report([evil, evil])
    assert "<script>alert" not in page and page.count("</script>") == 2
    assert data_of(page)["files"][0]["label"].startswith("script>$x")


@pytest.mark.parametrize("theme", ["light", "dark", None])
def test_the_theme_is_the_one_asked_for_or_the_readers(theme: str | None) -> None:
    start = html_report([FileReport(usage=usage(CLIP))], theme=theme).splitlines()[1]
    assert start == (f'<html lang="en" data-theme="{theme}">' if theme else '<html lang="en">')


def test_one_file_has_its_name_once_as_the_heading() -> None:
    page = html_report([FileReport(usage=usage(CLIP))])
    assert page.split("<body>")[1].split("<script")[0].count("tiny.etok") == 1


@pytest.mark.parametrize(
    ("missed", "last_frames", "cuts", "shown"),
    [
        ([], 4, [], ["block", "first of a GOP"]),
        ([], 4, None, ["block", "first of a GOP", "likely a cut"]),
        (
            CLIP_MISSED,
            1,
            [0.5],
            ["block", "first of a GOP", "misses the threshold", "short block", "cut in the source"],
        ),
    ],
)
def test_the_legend_has_only_what_occurs(
    missed: list[int], last_frames: int, cuts: list[float] | None, shown: list[str]
) -> None:
    page = html_report([FileReport(usage=usage(CLIP, missed, last_frames))], cuts=cuts)
    key = page.split('<div class="key">')[1].split("</div>")[0]
    assert re.findall(r"</i>(.*?)</span>", key) == shown


@pytest.mark.parametrize("names", [[], ["source"], ["decoded"], ["source", "decoded"]])
def test_views_are_offered_where_there_are_two_videos(names: list[str], tmp_path: Path) -> None:
    video = tmp_path / "a.mp4"
    video.write_bytes(b"bytes of a video")
    page = html_report([FileReport(usage=usage(CLIP), heat=MAPS)], {name: Player(video, 0.5) for name in names})
    assert re.findall(r'data-view="(\w+)"', page.split("<script")[0]) == (
        ["source", "decoded", "both"] if len(names) == 2 else []
    )
    assert ('id="play"' in page) == bool(names)
    assert data_of(page)["starts_s"] == dict.fromkeys(names, 0.5)
