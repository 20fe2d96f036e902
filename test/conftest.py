# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Real data for all tests: the demo's excerpt of a KITTI drive, and its map. Marks slow tests."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from liploc_ros.datasets import open_drive
from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.encoders import DEFAULT_BUNDLE, ModelBundle
from liploc_ros.encoders.spec import FP16_FILES
from liploc_ros.mapping import MapConfig, build_map
from liploc_ros.threads import limit_threads

REPOSITORY = Path(__file__).parent.parent
DEMO_BAG = REPOSITORY / "demo" / "kitti_0013_excerpt.mcap"

# `make test-fast` leaves these groups out. Other slow tests have the marker themselves.
SLOW_FOLDERS = {"benchmark", "learning"}
SLOW_FILES = {"test_evaluator.py", "test_rtx.py"}
SLOW_FIXTURES = {"bench"}


def pytest_ignore_collect(collection_path, config):
    """Do not import the tests of slow folders, which import torch, if they are not run."""
    if config.getoption("markexpr") == "not slow" and collection_path.parent.name in SLOW_FOLDERS:
        return True
    return None


def pytest_collection_modifyitems(items):
    for item in items:
        in_slow_group = item.path.parent.name in SLOW_FOLDERS or item.path.name in SLOW_FILES
        if in_slow_group or SLOW_FIXTURES & set(item.fixturenames):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def threads_as_in_programs():
    limit_threads()


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def bundle():
    return ModelBundle.load()


@pytest.fixture
def bundle_without_fp16(tmp_path):
    """The default bundle as older versions wrote it."""
    path = shutil.copytree(DEFAULT_BUNDLE, tmp_path / "older")
    spec = json.loads((path / "model.json").read_text())
    for file in FP16_FILES.values():
        (path / file).unlink()
        del spec["files"][file]
    (path / "model.json").write_text(json.dumps(spec))
    return ModelBundle.load(path)


@pytest.fixture(scope="session")
def demo_bag():
    return DEMO_BAG


@pytest.fixture(scope="session")
def demo_drive():
    return open_drive(DEMO_BAG)


@pytest.fixture(scope="session")
def demo_camera(demo_drive):
    return next(iter(demo_drive.cameras.values()))


@pytest.fixture(scope="session")
def demo_image(demo_drive, demo_camera):
    return next(demo_drive.images()).images[demo_camera.frame_id]()


@pytest.fixture(scope="session")
def demo_scan(demo_drive):
    return next(demo_drive.scans()).read_points()


@pytest.fixture(scope="session")
def demo_jpeg():
    messages = list(BagFile(DEMO_BAG).messages(["/camera_color_left/image_raw/compressed"]))
    return bytes(messages[len(messages) // 2][1].data)


@pytest.fixture(scope="session")
def plain_map(demo_drive, bundle):
    """Features that are not coded. Places on the path only, which is faster."""
    return build_map(demo_drive, bundle, MapConfig(lateral_reach=0, code_features=False))


@pytest.fixture(scope="session")
def demo_map(plain_map, bundle):
    """The same with coded features, as maps are built by default."""
    return plain_map.coded(bundle.coding)


@pytest.fixture(scope="session")
def demo_map_folder(demo_map, tmp_path_factory):
    """Do not write to this folder: tests that change a map use `saved_map`."""
    return demo_map.save(tmp_path_factory.mktemp("maps") / "demo").path


@pytest.fixture
def saved_map(demo_map_folder, tmp_path):
    return Path(shutil.copytree(demo_map_folder, tmp_path / "map"))


@pytest.fixture(scope="module")
def whole_bench():
    from support.ros_bench import RosBench  # needs rclpy, which only tests of the nodes use

    bench = RosBench()
    yield bench
    bench.close()


@pytest.fixture
def bench(whole_bench):
    whole_bench.begin()
    yield whole_bench
    whole_bench.end()
