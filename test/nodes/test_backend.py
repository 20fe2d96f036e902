# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The encoder backend of the localizer: reported if it cannot run, and freed in cleanup."""

import logging

import pytest

pytest.importorskip("rclpy")

from liploc_ros.encoders import Encoders
from liploc_ros.encoders.tensorrt import flavour
from liploc_ros.errors import LiplocError
from liploc_ros.nodes.common.library_log import LIBRARY_LOGGER, library_log
from liploc_ros.nodes.localizer.node import LocalizerNode

MOUNTS = ["camera 0 0 0 0 0 0"]


@pytest.fixture
def closed(monkeypatch):
    """The encoders that were closed."""
    found, close = [], Encoders.close
    monkeypatch.setattr(Encoders, "close", lambda self: (found.append(self), close(self)))
    return found


def test_a_backend_that_cannot_run_is_reported_in_one_line(bench, demo_map_folder, monkeypatch, closed):
    monkeypatch.setattr(flavour, "is_installed", lambda name: False)
    with pytest.raises(LiplocError, match=r"backend tensorrt: .* is not installed: pip install tensorrt") as raised:
        bench.start(LocalizerNode, map=str(demo_map_folder), sensor_mounts=MOUNTS, **{"encoder.backend": "tensorrt"})
    assert "\n" not in str(raised.value) and len(closed) == 1


def test_the_encoders_are_freed_in_cleanup_and_shared_by_maps(bench, demo_map_folder, closed):
    node = bench.start(LocalizerNode, map=str(demo_map_folder), sensor_mounts=MOUNTS)
    encoders = node.engine.localizer.encoders
    other = node.engine.with_map(str(demo_map_folder), node.settings)
    assert other.localizer.encoders is encoders and not closed
    node.trigger_deactivate()
    node.trigger_cleanup()
    assert closed == [encoders]


def test_log_lines_of_the_library_appear_in_the_log_of_the_node():
    lines, before = [], list(LIBRARY_LOGGER.handlers)

    class Logger:
        info = staticmethod(lines.append)
        warning = staticmethod(lambda line: lines.append(f"warning {line}"))

    with library_log(Logger()):
        logging.getLogger("liploc_ros.encoders").info("building, step %d of %d", 2, 6)
        logging.getLogger("liploc_ros.encoders").warning("truncated")
    logging.getLogger("liploc_ros.encoders").warning("after")
    assert lines == ["building, step 2 of 6", "warning truncated"] and LIBRARY_LOGGER.handlers == before
