"""Sources in an object store: moto's, on loopback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from batch.conftest import write_clip
from codec.dct import DctModel
from moto.server import ThreadedMotoServer

from elastictok_cli import api
from elastictok_cli.batch.engine import LocalEngine
from elastictok_cli.batch.plan import plan
from elastictok_cli.batch.results import Journal
from elastictok_cli.batch.run import FileDone, run
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target

pytestmark = pytest.mark.filterwarnings("default")  # those of botocore and moto

SETTINGS = EncodeSettings(target=Target.threshold(0.004), size="source")


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an S3 with an empty bucket `clips`; the environment leads there, for other processes too."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    address = "http://{}:{}".format(*server.get_host_and_port())
    for name, value in {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    boto3.client("s3").create_bucket(Bucket="clips")
    yield address
    server.stop()


def test_a_bucket_is_mirrored_with_the_bytes_of_encode(store: str, tmp_path: Path) -> None:
    client = boto3.client("s3")
    names = ["day1/a.mkv", "day1/b.mkv", "day2/deep/c.mkv"]
    for number, name in enumerate(names):
        path = write_clip(tmp_path / f"{number}.mkv", 6, number)
        client.upload_file(str(path), "clips", name)
        api.encode(path, tmp_path / f"{number}.etok", model=DctModel(), target=SETTINGS.target, size="source")
    client.put_object(Bucket="clips", Key="day2/bad.mkv", Body=b"no video")
    out = tmp_path / "out"
    with Journal(out) as journal:
        events = list(run(plan(["s3://clips"]), out, LocalEngine(SETTINGS, DctModel(), 2), journal))
    ended = {event.row.output: event.row for event in events if isinstance(event, FileDone)}
    assert ended.pop("day2/bad.etok").status == "failed"
    for number, name in enumerate(names):
        output = name.replace(".mkv", ".etok")
        assert ended[output].source == f"s3://clips/{name}"
        assert (out / output).read_bytes() == (tmp_path / f"{number}.etok").read_bytes()
