"""`weights pull` against a local stand-in of the hub: complete, interrupted, damaged, missing, offline."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import huggingface_hub.constants
import pytest

from elastictok_cli.errors import InputError, UnsupportedFile, UsageError
from elastictok_cli.models import registry, weights_files
from elastictok_cli.models.elastic import hub
from elastictok_cli.models.elastic.hub import check, pull

from .streams import FSQ, write_params

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NAME = "elastictok-fsq"
REPOSITORY = "LargeWorldModel/ElasticTok-FSQ"


@dataclass
class Hub:
    """The content and requests of the stand-in. cut: bytes after which the next transfers break off."""

    body: bytes
    etag: str
    cuts: list[int] = field(default_factory=list)
    ranges: list[str | None] = field(default_factory=list)
    gets: int = 0
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""

    def found(self) -> bool:
        match = re.fullmatch(rf"/{REPOSITORY}/resolve/(main|{COMMIT})/params", self.path)
        if match is None:
            self.send_response(404)
            known = self.path.startswith(f"/{REPOSITORY}/")
            self.send_header("X-Error-Code", "RevisionNotFound" if known else "RepoNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
        return match is not None

    def start(self, status: int, first: int) -> None:
        self.send_response(status)
        self.send_header("ETag", f'"{self.hub.etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(self.hub.body) - first))
        if status == 206:
            self.send_header("Content-Range", f"bytes {first}-{len(self.hub.body) - 1}/{len(self.hub.body)}")
        self.end_headers()

    def do_HEAD(self) -> None:
        if self.found():
            self.start(200, 0)

    def do_GET(self) -> None:
        if not self.found():
            return
        self.hub.gets += 1
        asked = self.headers.get("Range")
        self.hub.ranges.append(asked)
        first = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
        self.start(206 if asked else 200, first)
        last = self.hub.cuts.pop(0) if self.hub.cuts else len(self.hub.body)
        self.wfile.write(self.hub.body[first : first + last])
        self.close_connection = True


@pytest.fixture
def server(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """The stand-in, with a small model in place of the published one."""
    monkeypatch.setitem(hub.PRESETS, "fsq", FSQ)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    body = write_params(tmp_path / "published", FSQ).read_bytes()
    serving = Hub(body, hashlib.sha256(body).hexdigest())
    listener = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (Handler,), {"hub": serving}))
    serving.url = f"http://127.0.0.1:{listener.server_port}"
    thread = Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield serving
    listener.shutdown()
    thread.join()
    listener.server_close()


def test_a_pull_ends_in_a_model_that_loads_by_its_name(server: Hub, home: Path) -> None:
    assert pull(NAME, endpoint=server.url) == home / f"{NAME}.safetensors"
    assert registry.load(NAME, device="cpu").spec.name == FSQ.name
    pins = json.loads((home / f"{NAME}.json").read_text())
    assert (pins["commit"], pins["sha256"]) == (COMMIT, server.etag)
    assert sorted(path.name for path in home.iterdir()) == [f"{NAME}.json", f"{NAME}.safetensors"]


def test_a_pulled_model_is_not_downloaded_again(server: Hub) -> None:
    said: list[str] = []
    pull(NAME, endpoint=server.url, on_status=said.append)
    assert said[-2:] == [f"fetched {REPOSITORY} at {COMMIT}: params, SHA-256 {server.etag}", hub.REPORT]
    said.clear()
    pull(NAME, endpoint="http://127.0.0.1:1", on_status=said.append)
    assert (server.gets, said) == (1, [f"{NAME} is here already"])
    pull(NAME, endpoint=server.url, force=True)
    assert server.gets == 2


def test_another_digest_or_revision_is_downloaded(server: Hub) -> None:
    pull(NAME, endpoint=server.url)
    said: list[str] = []
    pull(NAME, endpoint=server.url, digest=server.etag, revision=COMMIT, on_status=said.append)
    assert said == [f"{NAME} is here already"]
    with pytest.raises(InputError, match="not cccc"):
        pull(NAME, endpoint=server.url, digest="c" * 64)
    with pytest.raises(InputError, match="no such revision"):
        pull(NAME, endpoint=server.url, revision="nonsense")


def test_an_interrupted_transfer_continues(server: Hub, home: Path) -> None:
    home.mkdir()
    part = home / f"{NAME}-{COMMIT[:12]}.params.part"
    part.write_bytes(server.body[:5000])
    pull(NAME, endpoint=server.url)
    assert server.ranges == ["bytes=5000-"]


def test_a_transfer_that_breaks_off_is_resumed_in_the_same_pull(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    monkeypatch.setattr(huggingface_hub.constants, "DOWNLOAD_CHUNK_SIZE", 1000)
    server.cuts = [4000]
    pull(NAME, endpoint=server.url)
    assert len(server.ranges) == 2
    assert server.ranges[1] is not None


def test_a_damaged_download_is_refused_and_removed(server: Hub, home: Path) -> None:
    good = server.body
    server.body = good[:-1] + bytes([good[-1] ^ 1])
    with pytest.raises(InputError, match=r"LargeWorldModel/ElasticTok-FSQ at main: what came has SHA-256"):
        pull(NAME, endpoint=server.url)
    assert list(home.iterdir()) == []
    server.body = good
    assert pull(NAME, endpoint=server.url).exists()


def test_the_first_pull_pins_what_later_ones_must_get(server: Hub, tmp_path: Path) -> None:
    pull(NAME, endpoint=server.url)
    server.body = write_params(tmp_path / "other", FSQ, seed=1).read_bytes()
    server.etag = hashlib.sha256(server.body).hexdigest()
    with pytest.raises(InputError, match="changed by its publisher"):
        pull(NAME, endpoint=server.url, force=True)
    pull(NAME, endpoint=server.url, force=True, digest=server.etag)
    with pytest.raises(InputError, match="not 0000"):
        pull(NAME, endpoint=server.url, force=True, digest="0" * 64)


def test_a_file_that_is_not_the_original_s_is_refused(server: Hub, home: Path) -> None:
    server.body = b"\x80\x04pickled"
    server.etag = hashlib.sha256(server.body).hexdigest()
    with pytest.raises(InputError, match="pickle"):
        pull(NAME, endpoint=server.url)
    assert not (home / f"{NAME}.safetensors").exists()


def test_a_missing_file_or_repository_is_reported_in_one_line(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InputError, match="no such revision"):
        pull(NAME, endpoint=server.url, revision="nonsense")
    with pytest.raises(InputError, match="no such repository"):
        pull("elastictok-vae", endpoint=server.url)
    with pytest.raises(InputError, match="could not be fetched") as caught:
        pull(NAME, endpoint="http://127.0.0.1:1")
    assert "\n" not in str(caught.value)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(InputError, match="HF_HUB_OFFLINE forbids"):
        pull(NAME, endpoint=server.url)


def test_a_pulled_model_needs_no_network(server: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    pull(NAME, endpoint=server.url)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert pull(NAME, endpoint=server.url).exists()


def test_a_model_that_is_not_published_is_reported() -> None:
    with pytest.raises(UsageError, match="these can be pulled: elastictok-fsq, elastictok-vae"):
        pull("elastictok-nano")
    with pytest.raises(UsageError, match="64 hexadecimal digits"):
        pull(NAME, digest="abc")


def test_weights_that_changed_since_the_pull_are_reported(server: Hub) -> None:
    path = pull(NAME, endpoint=server.url)
    assert check(weights_files.describe(path))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UnsupportedFile, match="has changed since it was pulled"):
        check(weights_files.describe(path))
