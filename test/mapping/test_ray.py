# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A map built by a cluster is that of one machine, also if a worker is killed."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.long_drive import FEW_PLACES, content, long_drive
from support.readers import KillsOneWorker, ReadableHere

from liploc_ros.mapping import MapError
from liploc_ros.mapping.build import write_map
from liploc_ros.mapping.build.ray_tiles import ray_tiles

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason="Ray is not installed: pip install 'liploc_ros[ray]'")
    environment = {"PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH", "")])}
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": environment})
    yield "local"
    ray.shutdown()


def test_tiles_of_a_cluster_are_those_of_one_machine_also_if_a_worker_is_killed(tmp_path, bundle, cluster):
    drive, mark = long_drive(), tmp_path / "killed"
    write_map([drive], bundle, tmp_path / "here", FEW_PLACES)
    frames = tuple(replace(f, read_points=KillsOneWorker(f.read_points, mark, os.getpid())) for f in drive.frames)
    done = []
    write_map(
        [replace(drive, frames=frames)],
        bundle,
        tmp_path / "there",
        FEW_PLACES,
        lambda count, total: done.append((count, total)),
        build_tiles=ray_tiles(cluster, bundle, FEW_PLACES),
    )
    assert mark.exists() and done[-1] == (81, 81)
    assert content(tmp_path / "there") == content(tmp_path / "here")


def test_a_recording_that_workers_cannot_read_is_named(tmp_path, bundle, cluster):
    drive = long_drive()
    frames = tuple(replace(f, read_points=ReadableHere(f.read_points, os.getpid())) for f in drive.frames)
    with pytest.raises(MapError, match=r"a worker failed: drive\.mcap: not on this machine"):
        write_map(
            [replace(drive, frames=frames)],
            bundle,
            tmp_path / "map",
            FEW_PLACES,
            build_tiles=ray_tiles(cluster, bundle, FEW_PLACES),
        )
