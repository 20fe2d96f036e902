# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Parameters that are set while nodes run, by the service that `ros2 param set` calls."""

import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Odometry
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from support.ros_bench import IMAGE, INFO

from liploc_ros.msg import LocalizationStatus, PoseHypothesisArray
from liploc_ros.nodes.bag_player.node import BagPlayerNode
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.localizer.parameters import RUNTIME_PARAMETERS
from liploc_ros.nodes.map_builder.node import MapBuilderNode

VALUES = {
    "continuous": False,
    "max_image_age": 3.0,
    "localize_timeout": 0.5,
    "acceptance.min_confidence": 0.4,
    "acceptance.min_margin": 0.3,
    "tracking.lost_probability": 0.4,
    "tracking.localized_probability": 0.9,
    "tracking.localized_sigma": 1.5,
    "tracking.localized_sigma_lateral": 0.7,
}


@pytest.fixture
def set_parameter(bench):
    """Return a function that sets a parameter over DDS and returns the reason of a refusal, or an empty string."""

    def set_one(name, value, node="localizer"):
        request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
        result = bench.call(SetParameters, f"/{node}/set_parameters", request).results[0]
        assert result.successful == (not result.reason)
        return result.reason

    return set_one


def test_every_runtime_parameter_is_tested():
    assert {*VALUES, "publish_tf"} == RUNTIME_PARAMETERS


def test_thresholds_can_change_while_the_node_is_active(bench, settings, set_parameter):
    node = bench.start(LocalizerNode, **settings)
    assert [set_parameter(name, value) for name, value in VALUES.items()] == [""] * len(VALUES)
    assert (node.settings.continuous, node.settings.max_image_age) == (False, 3.0)
    config = node.engine.localizer.config
    assert (config.acceptance.min_confidence, config.tracking.localized_sigma) == (0.4, 1.5)


def test_a_threshold_applies_from_the_next_image_on(bench, settings, image, info, set_parameter):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    bench.start(LocalizerNode, **settings)
    bench.publish(INFO, info)
    for number, (threshold, expected) in enumerate([(0.0, "SUCCESS"), (1.0, "UNKNOWN_PLACE"), (0.0, "SUCCESS")]):
        assert set_parameter("acceptance.min_confidence", threshold) == ""
        image.header.stamp.sec += 1
        bench.publish(IMAGE, image)
        bench.wait(lambda count=number: len(received) > count, "no result")
        assert received[-1].status == getattr(LocalizationStatus, expected)


def test_broadcasting_transforms_starts_and_ends_while_the_node_is_active(bench, settings, set_parameter, monkeypatch):
    monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: Odometry)
    bench.start(LocalizerNode, **settings, odometry_topic="/odom")
    for is_on in (True, False, True):
        assert set_parameter("publish_tf", is_on) == ""
        bench.wait(lambda is_on=is_on: bench.peer.count_publishers("/tf") == is_on, "publishers of /tf did not change")


def test_broadcasting_transforms_without_odometry_is_refused(bench, settings, set_parameter, monkeypatch):
    monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: Odometry)
    node = bench.start(LocalizerNode, **settings)
    assert "set the parameter odometry_topic" in set_parameter("publish_tf", True)
    assert not node.settings.publish_tf


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("matching.candidates", 5, "matching.candidates cannot change while the node is configured: clean it up first"),
        ("map", "/other", "call ~/load_map to replace the map"),
        ("autostart", False, "read-only"),
        ("tracking.localized_probability", 1.0, "tracking.localized_probability = 1.0: Input should be less than 1"),
        ("max_image_age", 5, "Wrong parameter type"),
        ("max_image_ages", 5.0, "max_image_ages of node localizer is not known: did you mean max_image_age?"),
        ("publishtf", True, "did you mean publish_tf?"),
        ("zzz", 1, "the parameters are listed in docs/nodes.md"),
    ],
)
def test_a_change_is_refused_with_the_reason(bench, settings, set_parameter, name, value, reason):
    bench.start(LocalizerNode, **settings)
    assert reason in set_parameter(name, value)


def test_a_value_that_does_not_change_is_accepted(bench, settings, set_parameter):
    bench.start(LocalizerNode, **settings)
    assert set_parameter("image_topics", [IMAGE]) == ""


def test_all_parameters_can_change_before_the_node_is_configured(bench, set_parameter):
    node = bench.start(LocalizerNode, autostart=False)
    assert set_parameter("matching.candidates", 5) == ""
    assert node.settings.matching.candidates == 5


def test_parameters_of_the_map_builder_and_the_bag_player_are_fixed(bench, demo_bag, set_parameter):
    bench.start(MapBuilderNode)
    bench.start(BagPlayerNode, bag=str(demo_bag), wait_for_subscribers=60.0)
    assert set_parameter("queue", 3, "map_builder") == "the parameters of the map builder are fixed: restart it"
    assert set_parameter("loop", True, "bag_player") == "the parameters of the bag player are fixed: restart it"
    assert "did you mean queue?" in set_parameter("qeue", 3, "map_builder")
