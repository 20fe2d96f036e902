# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Publishers of another quality of service, of every input: diagnostics and log name topic, policies and remedy."""

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, CompressedImage, PointCloud2
from support.ros_bench import BEST_EFFORT, IMAGE, INFO

from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.map_builder.node import MapBuilderNode

OK, WARN, ERROR = 0, 1, 2
POLICIES = "its reliability is best_effort, reliable is requested"


def values_of(arrays, name):
    """Return key and value of all values of a status."""
    return [(v.key, v.value) for array in list(arrays) for s in array.status if s.name == name for v in s.values]


@pytest.mark.parametrize(
    ("node_class", "topic", "message_type", "key"),
    [
        (LocalizerNode, IMAGE, CompressedImage, "quality of service"),
        (LocalizerNode, INFO, CameraInfo, "CameraInfo quality of service"),
        (LocalizerNode, "/odom", Odometry, "quality of service"),
        (LocalizerNode, "/odom", PoseStamped, "quality of service"),
        (MapBuilderNode, "/points", PointCloud2, "scan quality of service"),
        (MapBuilderNode, "/odom", Odometry, "odometry quality of service"),
    ],
)
def test_a_publisher_that_does_not_match_is_an_error_and_logged(
    bench, settings, capfd, node_class, topic, message_type, key
):
    publisher = bench.peer.create_publisher(message_type, topic, BEST_EFFORT)
    parameters = {**settings, "odometry_topic": "/odom"} if node_class is LocalizerNode else {}
    bench.start(node_class, **parameters, reliability="reliable")
    status = bench.wait_for_health(ERROR, [topic, "of peer", POLICIES, "set the parameter reliability to auto"])
    assert {item.key: item.value for item in status.values}[key] == status.message
    log = [line for line in capfd.readouterr().err.splitlines() if "[WARN]" in line and POLICIES in line]
    assert len(log) == 1 and topic in log[0]
    bench.peer.destroy_publisher(publisher)
    arrays = bench.subscribe(DiagnosticArray, "/diagnostics")
    bench.wait(lambda: (key, "matches") in values_of(arrays, status.name), "the error stays")


def test_with_the_default_reliability_every_publisher_matches(bench, settings):
    for topic, message_type in ((IMAGE, CompressedImage), (INFO, CameraInfo), ("/odom", Odometry)):
        bench.peer.create_publisher(message_type, topic, BEST_EFFORT)
    bench.start(LocalizerNode, **settings, odometry_topic="/odom")
    for words in ("no odometry on", "no image on"):
        status = bench.wait_for_health(WARN, [words])
        assert {value.value for value in status.values if "quality of service" in value.key} == {"matches"}
