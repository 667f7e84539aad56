"""The Ray engine, on clusters of its own on loopback. Ray is large: this is `make test-cluster`, not `make test`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from batch.conftest import write_clip
from codec.dct import DctModel
from ray.cluster_utils import Cluster

import elastictok_cli
from elastictok_cli.batch.cluster import RayEngine
from elastictok_cli.batch.engine import LocalEngine
from elastictok_cli.batch.plan import plan
from elastictok_cli.batch.results import Journal
from elastictok_cli.batch.run import FileDone, run
from elastictok_cli.codec.settings import EncodeSettings
from elastictok_cli.codec.target import Target
from elastictok_cli.errors import UsageError

pytestmark = pytest.mark.filterwarnings("default")  # Ray's own

TESTS = Path(__file__).parents[1]
SETTINGS = EncodeSettings(target=Target.threshold(0.004), size="source")
FILES = 12
# A node that does not answer for two seconds is lost; Ray's own patience is half a minute.
LOST_SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_timeout_ms": 1000,
    "health_check_failure_threshold": 4,
}


class Slow(DctModel):
    """Takes its time, so that a node has something to do when it is killed."""

    def prepare(self, state: Any, frames: Any) -> Any:
        for _ in range(10):
            found = super().prepare(state, frames)
        return found


@pytest.fixture(scope="module", autouse=True)
def found_by_workers() -> Iterator[None]:
    """Ray's processes load the models of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        source = Path(elastictok_cli.__file__).parents[1]
        patch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(source), os.environ.get("PYTHONPATH", "")]))
        yield
        ray.shutdown()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("in")
    for number in range(FILES):
        write_clip(path / f"{number}.mkv", 12, number, side=48)
    (path / "bad.mkv").write_bytes(b"no video")
    return path


@pytest.fixture(scope="module")
def local(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a batch on this machine makes of it."""
    out = tmp_path_factory.mktemp("local")
    with Journal(out) as journal:
        list(run(plan([str(folder)]), out, LocalEngine(SETTINGS, DctModel(), 2), journal))
    return {path.name: path.read_bytes() for path in out.glob("*.etok")}


def files(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.suffix in (".etok", ".part")}


def test_a_ray_of_its_own_does_what_the_local_engine_does(
    folder: Path, local: dict[str, bytes], tmp_path: Path
) -> None:
    with Journal(tmp_path) as journal:
        events = list(run(plan([str(folder)]), tmp_path, RayEngine(SETTINGS, DctModel(), 2, None), journal))
    assert Counter(event.row.status for event in events if isinstance(event, FileDone)) == {"done": FILES, "failed": 1}
    assert files(tmp_path) == local
    assert not ray.is_initialized()


def test_a_node_that_is_killed_costs_no_file(folder: Path, local: dict[str, bytes], tmp_path: Path) -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "_system_config": LOST_SOON})
    second = cluster.add_node(num_cpus=1)
    cluster.wait_for_nodes()
    try:
        engine = RayEngine(SETTINGS, Slow(), None, cluster.address)
        assert (engine.nodes, engine.workers) == (2, 2)
        ended: Counter[str] = Counter()
        with Journal(tmp_path) as journal:
            for event in run(plan([str(folder)]), tmp_path, engine, journal):
                if isinstance(event, FileDone):
                    ended[event.row.output] += 1
                    if len(ended) == 3:
                        cluster.remove_node(second, allow_graceful=False)
    finally:
        ray.shutdown()
        cluster.shutdown()
    assert ended == Counter({**{f"{number}.etok": 1 for number in range(FILES)}, "bad.etok": 1})
    assert files(tmp_path) == local
    assert len((tmp_path / "results.jsonl").read_text().splitlines()) == FILES + 1


def test_an_address_where_no_cluster_is_is_one_line() -> None:
    with pytest.raises(UsageError, match=r"`address` 127\.0\.0\.1:9: .*refused"):
        RayEngine(SETTINGS, DctModel(), 1, "127.0.0.1:9")
