"""The page in a real browser, from file://. Where Chromium is missing this is said, and in CI it is a failure."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from elastictok_cli.report.page import FileReport, Player, html_report

from .chromium import Page, find
from .files import CLIP, CLIP_MISSED, UNMEASURED, usage


@pytest.fixture(scope="module")
def chromium() -> str:
    program = find()
    if program is None:
        assert not os.environ.get("CI"), "Chromium is missing; .ci/run installs it"
        pytest.skip("Chromium is not on this machine (apt-get install chromium)")
    return program


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """2.4 seconds in VP9, which every Chromium plays."""
    path = tmp_path_factory.mktemp("video") / "clip.webm"
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libvpx-vp9", rate=25, options={"deadline": "realtime", "cpu-used": "8"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(60):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 4 * number, np.uint8), "rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return path


@pytest.fixture(scope="module")
def page(chromium: str, video: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    folder = tmp_path_factory.mktemp("page")
    maps = [np.arange(12).reshape(3, 4) * i for i in range(len(CLIP))]
    rates = {n: [(count, 0.0065), (2 * count, 0.003)] for n, count in enumerate(CLIP) if count}
    report = FileReport(usage=usage(CLIP, CLIP_MISSED, last_frames=2), heat=maps, rates=rates)
    (folder / "report.html").write_text(html_report([report], {"source": Player(video, 0.0, "clip")}, [0.65], "light"))
    with Page(chromium, (folder / "report.html").as_uri(), folder / "profile") as opened:
        opened.until("document.documentElement && document.documentElement.dataset.ready === 'yes'")
        opened.until("document.getElementById('source').readyState >= 1")
        yield opened


def middle_of(page: Page, block: int) -> tuple[float, float]:
    """Where a block's bar is in the window."""
    box = page.run(
        "(() => { document.getElementById('tokens').scrollIntoView();"
        f"const b = document.querySelectorAll('#tokens rect.block')[{block}].getBoundingClientRect();"
        "return [b.x + b.width / 2, document.querySelector('#tokens svg').getBoundingClientRect().y + 60]; })()"
    )
    return box[0], box[1]


def test_nothing_fails_and_nothing_is_fetched(page: Page) -> None:
    assert page.errors == [] and page.asked == []


def test_every_block_has_its_bar_and_its_row(page: Page) -> None:
    assert page.run("document.querySelectorAll('#tokens rect.block').length") == len(CLIP)
    assert page.run("document.querySelectorAll('#rows tr').length") == len(CLIP)
    assert page.run("document.querySelectorAll('.cutline').length") == 3
    assert "no" in page.run("document.querySelectorAll('#rows tr')[4].innerText").split()


def test_the_pointer_shows_values_heat_and_rates_of_its_block(page: Page) -> None:
    page.hover(*middle_of(page, 5))
    page.until("document.documentElement.dataset.block === '5'")
    assert "block 5: 700 tokens" in page.run("document.querySelector('#tokens .tip').textContent")
    assert not page.run("document.querySelector('#tokens .tip').hidden")
    assert page.run("document.getElementById('heatnote').textContent") == "block 5: 700 tokens, most in one place 55"
    assert page.run("[document.getElementById('heat').width, document.getElementById('heat').height]") == [64, 48]
    assert page.run("document.querySelectorAll('#rates circle').length") == 2
    page.hover(2, 2)
    page.until("document.querySelector('#tokens .tip').hidden")


def test_a_click_moves_the_video_and_the_playhead(page: Page) -> None:
    x, y = middle_of(page, 8)
    page.click(x, y)
    page.until("!document.getElementById('source').seeking && document.getElementById('source').currentTime > 1")
    assert page.run("document.getElementById('source').currentTime") == pytest.approx(8.5 * 0.16, abs=0.02)
    at = page.run(
        "(() => { const b = document.querySelector('#tokens .playhead').getBoundingClientRect(); return b.x; })()"
    )
    assert at == pytest.approx(x, abs=3)


def test_the_playhead_moves_while_the_video_plays(page: Page) -> None:
    page.hover(2, 2)
    page.run("(() => { const v = document.getElementById('source'); v.muted = true; v.currentTime = 0; })()")
    page.until("!document.getElementById('source').seeking")
    before = page.run("+document.querySelector('#quality .playhead').getAttribute('x1')")
    page.run("document.getElementById('source').play().then(() => 1)")
    page.until(f"+document.querySelector('#quality .playhead').getAttribute('x1') > {before} + 20")
    page.run("document.getElementById('source').pause()")
    assert page.errors == []


def test_keys_and_theme(page: Page) -> None:
    page.run("document.getElementById('source').currentTime = 0.08")
    page.until("!document.getElementById('source').seeking && document.documentElement.dataset.block === '0'")
    page.run("document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'ArrowRight', bubbles: true}))")
    page.until("document.documentElement.dataset.block === '1'")
    before = page.run("getComputedStyle(document.body).backgroundColor")
    scheme = "getComputedStyle(document.documentElement).colorScheme"  # of scrollbars and the like
    assert page.run(scheme) == "light"
    page.run("document.getElementById('theme').click()")
    assert page.run("getComputedStyle(document.body).backgroundColor") != before
    assert page.run(scheme) == "dark"
    assert page.errors == []


@pytest.mark.parametrize("frames", [4, 300])
def test_every_time_of_the_axis_is_inside_the_picture(chromium: str, tmp_path: Path, frames: int) -> None:
    found = usage([100] * (frames // 4))
    (tmp_path / "a.html").write_text(html_report([FileReport(usage=found)]))
    with Page(chromium, (tmp_path / "a.html").as_uri(), tmp_path / "profile") as page:
        page.until("document.documentElement && document.documentElement.dataset.ready === 'yes'")
        ends = page.run(
            "[...document.querySelectorAll('.chart text')].map(t => { const b = t.getBBox(); return b.x + b.width; })"
        )
        assert max(ends) <= page.run("document.getElementById('bytes').clientWidth")


def test_the_heat_map_of_several_files_says_whose_it_is(chromium: str, tmp_path: Path) -> None:
    maps = [np.full((3, 4), i) for i in range(len(CLIP))]
    reports = [FileReport(usage=replace(usage(CLIP), name=f"{n}.etok"), heat=maps if n == "a" else None) for n in "ab"]
    (tmp_path / "a.html").write_text(html_report(reports))
    with Page(chromium, (tmp_path / "a.html").as_uri(), tmp_path / "profile") as page:
        page.until("document.documentElement && document.documentElement.dataset.ready === 'yes'")
        said, seen = "document.getElementById('heatnote').textContent", "getComputedStyle(heat).visibility"
        assert page.run(said).startswith("a: ") and page.run(said).endswith("most in one place 0")
        page.run("document.getElementById('file').value = 1")
        page.run("document.getElementById('file').dispatchEvent(new Event('change'))")
        assert page.run(said).startswith("b: ") and page.run(said).endswith("no heat map")
        assert page.run(seen) == "hidden"
        assert page.errors == []


def test_several_files_without_a_video(chromium: str, tmp_path: Path) -> None:
    reports = [FileReport(usage=usage(CLIP)), FileReport(usage=usage([2 * c for c in CLIP[:9]]))]
    (tmp_path / "two.html").write_text(html_report(reports, theme="dark"))
    with Page(chromium, (tmp_path / "two.html").as_uri(), tmp_path / "profile") as page:
        page.until("document.documentElement && document.documentElement.dataset.ready === 'yes'")
        assert page.run("document.querySelectorAll('#tokens > svg > path').length") == 2
        page.run("document.getElementById('file').value = 1")
        page.run("document.getElementById('file').dispatchEvent(new Event('change'))")
        assert page.run("document.querySelectorAll('#rows tr').length") == 9
        page.run("document.querySelectorAll('#rows tr')[3].click()")
        page.until("document.documentElement.dataset.block === '3'")
        assert page.errors == [] and page.asked == []


@pytest.mark.parametrize("others", [0, 1])
def test_a_file_that_was_not_measured_has_no_line_and_is_not_lossless(
    chromium: str, tmp_path: Path, others: int
) -> None:
    reports = [FileReport(usage=usage(CLIP, **UNMEASURED)), *[FileReport(usage=usage(CLIP))] * others]
    (tmp_path / "a.html").write_text(html_report(reports))
    with Page(chromium, (tmp_path / "a.html").as_uri(), tmp_path / "profile") as page:
        page.until("document.documentElement && document.documentElement.dataset.ready === 'yes'")
        assert page.run("document.querySelectorAll('#quality path').length") == others
        assert ("not measured" in page.run("document.getElementById('quality').textContent")) == (not others)
        assert page.run("document.querySelectorAll('#rows tr')[3].children[4].textContent") == "not measured"
        page.hover(*page.run(
            "(() => { document.getElementById('bytes').scrollIntoView();"
            "const b = document.getElementById('bytes').getBoundingClientRect();"
            "return [b.x + b.width / 2, b.y + 60]; })()"
        ))  # fmt: skip
        page.until("!document.querySelector('#bytes .tip').hidden")
        assert "tokens, not measured, " in page.run("document.querySelector('#bytes .tip').textContent")
        page.run("document.getElementById('theme').click()")
        assert page.errors == []


def press(page: Page, key: str) -> None:
    page.run(f"document.body.dispatchEvent(new KeyboardEvent('keydown', {{key: '{key}', bubbles: true}}))")


def test_the_player_stops_where_the_file_stops(page: Page) -> None:
    """The video has 60 frames, the file 58."""
    page.hover(2, 2)
    page.run("document.getElementById('source').muted = true")
    press(page, "End")
    page.until("!document.getElementById('source').seeking && document.getElementById('source').currentTime > 2.2")
    page.run("document.getElementById('source').currentTime = 2.2")
    page.until("!document.getElementById('source').seeking")
    press(page, " ")
    page.until("!document.getElementById('source').paused")
    page.until("document.getElementById('source').paused && !document.getElementById('source').seeking")
    assert page.run("document.getElementById('source').currentTime") <= 58 / 25
    assert page.run("document.getElementById('clock').textContent").endswith("/ 2.32 s")
    press(page, " ")  # from the start again
    page.until("document.getElementById('source').currentTime < 2 && !document.getElementById('source').paused")
    press(page, " ")
    page.until("document.getElementById('source').paused")


@pytest.fixture(scope="module")
def both(chromium: str, video: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    """Source and decoded; the decoded video starts half a second later than the file says."""
    folder = tmp_path_factory.mktemp("both")
    maps = [np.arange(12).reshape(3, 4) for _ in CLIP]
    players = {"source": Player(video, 0.0, "clip"), "decoded": Player(video, 0.5, "clip")}
    (folder / "a.html").write_text(html_report([FileReport(usage=usage(CLIP), heat=maps)], players, None, "light"))
    with Page(chromium, (folder / "a.html").as_uri(), folder / "profile") as opened:
        opened.until("document.documentElement && document.documentElement.dataset.ready === 'yes'")
        for name in players:
            opened.until(f"document.getElementById('{name}').readyState >= 2")
        yield opened


def test_source_and_decoded_can_be_switched_and_show_one_time(both: Page) -> None:
    shown = "[...document.querySelectorAll('figure:not([hidden]) :is(video, canvas)')].map(node => node.id).join(' ')"
    found = {key: (press(both, key), both.run(shown))[1] for key in "sdbt"}
    assert found == {"s": "source heat", "d": "decoded heat", "b": "source decoded heat", "t": "source decoded"}
    press(both, "t")
    both.run("[...document.querySelectorAll('#rows tr')][5].click()")
    both.until("Math.abs(document.getElementById('decoded').currentTime - 1.3) < .01")
    assert both.run("document.getElementById('source').currentTime") == pytest.approx(0.8, abs=0.01)
    assert both.errors == []


@pytest.mark.parametrize("width", [375, 600, 1280])
def test_the_page_can_be_read_at_any_width(both: Page, width: int) -> None:
    both.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
    drawn = "document.querySelector('#tokens svg').viewBox.baseVal.width"  # follows the window after a moment
    both.until(f"innerWidth === {width} && {drawn} === document.getElementById('tokens').clientWidth")
    assert both.run("document.documentElement.scrollWidth") <= width
    sizes = both.run(
        "[...document.querySelectorAll('.chart text')].map(t => t.getBoundingClientRect().height / t.getBBox().height)"
    )
    assert min(sizes) == pytest.approx(1.0, abs=0.05)  # 12 px of the page are 12 px on the screen
    boxes = both.run(
        "[...document.querySelectorAll('#bytes text.time')]"
        ".map(t => { const b = t.getBoundingClientRect(); return [b.left, b.right]; })"
    )
    assert all(left[1] < right[0] for left, right in zip(boxes, boxes[1:], strict=False))
