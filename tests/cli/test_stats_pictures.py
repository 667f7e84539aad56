"""`stats` of several files, its pictures and its page; `encode --keep-curves`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from elastictok_cli.cli.curves import read_curves

from .conftest import FRAMES, Run

GOLDEN = Path(__file__).parents[1] / "golden"
BLOCKS = 3


@pytest.fixture(scope="module")
def two(clip: Path, model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The clip at two thresholds; of the second one the curves are kept."""
    from elastictok_cli.cli.app import main

    folder = tmp_path_factory.mktemp("two")
    fine, coarse = folder / "fine.etok", folder / "coarse.etok"
    assert main(["encode", str(clip), "-o", str(fine), "-t", "0.005", "--model", model, "-q"]) == 0
    assert main(["encode", str(clip), "-o", str(coarse), "-t", "0.03", "--model", model, "-q", "--keep-curves"]) == 0
    return fine, coarse


def test_several_files_and_a_line_for_each(run: Run, two: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(two[0].parent)
    said = run("stats", two[0].name, two[1].name)
    assert (said.code, said.err) == (0, "")
    lines = said.out.splitlines()
    assert " ".join(lines[-3].split()) == "file threshold tokens % of most PSNR dB missed size bpp"
    assert [line.split()[:2] for line in lines[-2:]] == [[two[0].name, "0.005"], [two[1].name, "0.03"]]


def test_several_files_for_programs(run: Run, two: tuple[Path, Path]) -> None:
    types = [json.loads(line)["type"] for line in run("stats", *two, "--json").out.splitlines()]
    assert types == ["file", *["block"] * BLOCKS, "total"] * 2
    table = list(csv.DictReader(io.StringIO(run("stats", *two, "--csv").out)))
    assert [line["name"] for line in table] == [str(two[0])] * BLOCKS + [str(two[1])] * BLOCKS
    assert {line["index"] for line in table} == {"0", "1", "2"}


def test_kept_curves_are_all_that_the_search_tried(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "a.etok"
    said = run("encode", clip, "-o", out, "--model", model, "--json", "--keep-curves")
    tried = [json.loads(line)["probes"] for line in said.out.splitlines() if json.loads(line)["type"] == "block"]
    kept = read_curves(str(out), BLOCKS)
    assert kept is not None and kept.matches
    assert kept.rates == {n: [(p["count"], p["mse"]) for p in probes] for n, probes in enumerate(tried)}
    assert run("encode", clip, "-o", "-", "--model", model, "--keep-curves").code == 2


def test_whole_curves_have_candidates_on_both_sides_and_the_same_file(
    run: Run, clip: Path, model: str, tmp_path: Path
) -> None:
    usual, whole = tmp_path / "a.etok", tmp_path / "b.etok"
    run("encode", clip, "-o", usual, "--model", model, "--keep-curves", "-q")
    run("encode", clip, "-o", whole, "--model", model, "--whole-curves", "-q")
    assert usual.read_bytes() == whole.read_bytes()
    few, many = (read_curves(str(path), BLOCKS) for path in (usual, whole))
    assert few is not None and many is not None
    for number, tried in many.rates.items():
        assert tried[: len(few.rates[number])] == few.rates[number]
        beside = tried[len(few.rates[number]) :]
        chosen = min(few.rates[number], key=lambda p: (p[1] > 0.007, p[0]))
        assert len(beside) == 6
        if chosen[0] > 10:  # a block at rest needs next to nothing at any step
            assert min(beside)[0] < chosen[0] < max(beside)[0]


def test_curves_of_another_encode_are_not_shown(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "a.etok"
    run("encode", clip, "-o", out, "--model", model, "--keep-curves", "-q")
    run("encode", clip, "-o", out, "--model", model, "-t", "0.05", "-f", "-q")
    said = run("stats", out, "--rates", tmp_path / "r.png")
    assert said.code == 2 and said.err.count("\n") == 1 and not (tmp_path / "r.png").exists()
    assert said.err.startswith(f"error: --rates: {out}.curves.json is of another encode; ")
    Path(f"{out}.curves.json").write_text("{}")
    assert run("stats", out, "--rates", tmp_path / "r.png").code == 4


@pytest.mark.parametrize("block", [BLOCKS, -1])
def test_curves_of_blocks_that_are_not_there_are_refused(
    run: Run, two: tuple[Path, Path], tmp_path: Path, block: int
) -> None:
    out = tmp_path / "a.etok"
    out.write_bytes(two[1].read_bytes())
    kept = json.loads(Path(f"{two[1]}.curves.json").read_text())
    kept["blocks"][0]["block"] = block
    Path(f"{out}.curves.json").write_text(json.dumps(kept))
    for option in ("--rates", "--html"):
        said = run("stats", out, option, tmp_path / f"r.{'png' if option == '--rates' else 'html'}")
        assert said.code == 4 and "a.etok.curves.json: is not what 'encode --keep-curves' writes" in said.err


def test_curves_of_the_pass_that_is_kept(run: Run, clip: Path, model: str, tmp_path: Path) -> None:
    out = tmp_path / "a.etok"
    said = run("encode", clip, "-o", out, "--model", model, "--target-size", "12kB", "--keep-curves", "--json")
    records = [json.loads(line) for line in said.out.splitlines()]
    (reached,) = [r for r in records if r["type"] == "size_reached"]
    number, tried = 0, {}
    for record in records:
        if record["type"] == "pass":
            number = record["number"]
            tried[number] = []
        if record["type"] == "block":
            tried[number].append([(p["count"], p["mse"]) for p in record["probes"]])
    kept = read_curves(str(out), BLOCKS)
    assert kept is not None and kept.matches and list(kept.rates.values()) == tried[reached["kept"]]


def test_all_pictures_and_the_page(run: Run, two: tuple[Path, Path], clip: Path, model: str, tmp_path: Path) -> None:
    outputs = {o: tmp_path / n for o, n in (("--plot", "p.svg"), ("--heat", "h.png"), ("--html", "r.html"))}
    what = ["stats", two[1], *(part for pair in outputs.items() for part in pair), "--rates", tmp_path / "r.png"]
    said = run(*what, "--source", clip, "--theme", "dark", "--model", model)
    assert said.code == 0, said.err
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h.png", "p.svg", "r.html", "r.png"]
    page = outputs["--html"].read_text()
    data = json.loads(page.split('id="data">')[1].split("</script>")[0])
    blocks = data["files"][0]["blocks"]
    assert [sum(m) for m in data["files"][0]["heat"]["maps"]] == [b["tokens"] for b in blocks]
    assert data["files"][0]["rates"].keys() == {"0", "1", "2"}
    assert data["cuts"] == [] and "data:video/mp4;base64," in page and 'data-theme="dark"' in page
    assert run(*what, "--model", model).code == 6  # nothing is written over


def test_a_file_of_a_model_that_is_not_here_has_a_page_without_a_heat_map(run: Run, tmp_path: Path) -> None:
    said = run("stats", GOLDEN / "v1-nano-cut.etok", "--html", tmp_path / "a.html", "--model", "elastictok-nano")
    assert said.code in (0, 5)  # as long as the bundled weights are those of the golden file
    said = run("stats", GOLDEN / "v1-fsq-vfr.etok", "--html", tmp_path / "b.html")
    assert said.code == 0 and '"heat"' not in (tmp_path / "b.html").read_text().split('id="data">')[1][:200]


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["--html", "a.txt"], 2, "--html a.txt: its ending must be .html"),
        (["--heat", "a.gif"], 2, "--heat a.gif: its ending must be .png, .svg or .pdf"),
        (["--rates", "a.png"], 2, "'encode --keep-curves' writes it"),
        (["--plot", "a.png", "--heat", "a.png"], 2, "is a file that is read or written already"),
        (["--plot", "a.png", "--theme", "blue"], 2, "--theme blue"),
        (["--plot", "a.png", "--source", "none.mp4"], 3, "none.mp4: there is no such file"),
    ],
)
def test_what_cannot_be_meant(
    run: Run, two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    arguments: list[str], code: int, says: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    said = run("stats", two[0], *arguments)
    assert said.code == code and says in said.err and said.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_one_file_has_the_frames_of_the_clip(run: Run, two: tuple[Path, Path]) -> None:
    assert json.loads(run("stats", two[0], "--json").out.splitlines()[-1])["frames"] == FRAMES


def images(path: Path) -> int:
    return path.read_text().count("<image")


def test_the_heat_map_lies_over_the_source_the_decoded_video_or_the_decoded_file(
    run: Run, two: tuple[Path, Path], clip: Path, model: str, tmp_path: Path
) -> None:
    out = tmp_path / "h.svg"
    counts = []
    for option in ([], ["--source", clip], ["--decoded", clip]):
        said = run("stats", two[0], "--heat", out, "--model", model, "-f", *option)
        assert said.code == 0, said.err
        counts.append(images(out))
    assert counts == [2 + 2 * (BLOCKS + 1)] * 3  # two scales; a picture and a map for the file and for each block


def test_a_heat_map_without_the_model_says_why_there_is_no_picture(run: Run, tmp_path: Path) -> None:
    said = run("stats", GOLDEN / "v1-fsq-vfr.etok", "--heat", tmp_path / "h.svg")
    assert said.code == 0 and "the heat map has no picture behind it: " in said.err
