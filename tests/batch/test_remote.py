"""Sources behind URLs, from a server on loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from codec.dct import DctModel

from elastictok_cli.batch import remote
from elastictok_cli.batch.plan import plan
from elastictok_cli.batch.work import Failed, Row, Task, do
from elastictok_cli.errors import InputError, UsageError

from .test_run import SETTINGS, alone


class Quiet(SimpleHTTPRequestHandler):
    """Without a log on stderr."""

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(tree: Path) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tree))) as served:
        thread = threading.Thread(target=served.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{served.server_port}"
        served.shutdown()
        thread.join()


def test_a_file_behind_a_url_gives_the_bytes_of_one_here(server: str, tree: Path, tmp_path: Path) -> None:
    (item,) = plan([f"{server}/sub/b.mkv"])
    assert item.output == "b.etok"
    outcome = do(Task(0, item.source, str(tmp_path / "b.etok")), SETTINGS, DctModel(), lambda _: None)
    assert isinstance(outcome, Row) and (outcome.status, outcome.frames) == ("done", 4)
    assert outcome.digest == remote.digest(str(tree / "sub/b.mkv"))
    assert (tmp_path / "b.etok").read_bytes() == alone(tree / "sub/b.mkv", tmp_path)


def test_a_file_that_is_not_there_is_said(server: str, tmp_path: Path) -> None:
    outcome = do(Task(0, f"{server}/none.mkv", str(tmp_path / "x.etok")), SETTINGS, DctModel(), lambda _: None)
    assert outcome == Failed(f"{server}/none.mkv: there is no such file or folder", 3)


def test_a_server_that_does_not_answer_is_worth_another_try(tmp_path: Path) -> None:
    task = Task(0, "http://127.0.0.1:9/a.mkv", str(tmp_path / "x.etok"))  # "discard": nobody listens
    outcome = do(task, SETTINGS, DctModel(), lambda _: None)
    assert isinstance(outcome, Failed) and outcome.again and "127.0.0.1:9" in outcome.text


def test_a_folder_behind_a_url_is_mirrored(tree: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.put(str(tree), "/bucket/in", recursive=True)
    try:
        found = {item.output: item.source for item in plan(["memory://bucket/in"])}
        assert found == {
            "a.etok": "memory:///bucket/in/a.mkv",
            "sub/b.etok": "memory:///bucket/in/sub/b.mkv",
            "sub/deep/c.etok": "memory:///bucket/in/sub/deep/c.mkv",
        }
        assert [item.output for item in plan(["memory://bucket/in"], "sub/*.mkv")] == ["sub/b.etok"]
        with remote.local("memory://bucket/in/a.mkv") as copy:
            assert Path(copy).read_bytes() == (tree / "a.mkv").read_bytes()
        assert not Path(copy).exists()
        with pytest.raises(InputError, match="no file in it"):
            plan(["memory://bucket/none"])
    finally:
        memory.rm("/bucket", recursive=True)


def test_a_kind_of_url_that_is_unknown_is_said() -> None:
    with pytest.raises(UsageError, match="gopher"):
        plan(["gopher://host/in"])
