# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Quality of service of publishers and subscriptions, set by parameters."""

import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseArray
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, ReliabilityPolicy
from support.ros_bench import BEST_EFFORT, IMAGE, INFO

from liploc_ros.errors import LiplocError
from liploc_ros.msg import PoseHypothesisArray
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.qos import LATCHED, QOS_OVERRIDES
from liploc_ros.nodes.common.qos_parameters import check_qos_overrides
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.map_builder.node import MapBuilderNode

ERROR = 2


def test_publishers_and_subscriptions_have_the_quality_of_service_of_the_parameters(bench, settings):
    overrides = {
        "qos_overrides./localizer/pose.publisher.reliability": "best_effort",
        "qos_overrides./localizer/map_info.publisher.durability": "volatile",
        f"qos_overrides.{IMAGE}.subscription.reliability": "reliable",
    }
    bench.start(LocalizerNode, **settings, **overrides)
    peer = bench.peer
    bench.wait(lambda: peer.count_subscribers(IMAGE) and peer.count_publishers("/localizer/pose"), "not discovered")
    pose, map_info = (peer.get_publishers_info_by_topic(f"/localizer/{name}")[0] for name in ("pose", "map_info"))
    image, info = (peer.get_subscriptions_info_by_topic(topic)[0] for topic in (IMAGE, INFO))
    assert pose.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    assert map_info.qos_profile.durability == DurabilityPolicy.VOLATILE
    assert (image.qos_profile.reliability, info.qos_profile.reliability) == (
        ReliabilityPolicy.RELIABLE,
        ReliabilityPolicy.BEST_EFFORT,
    )
    assert LATCHED.durability == DurabilityPolicy.TRANSIENT_LOCAL


def test_diagnostics_compare_publishers_with_the_overridden_quality_of_service(bench, settings, image):
    override = {f"qos_overrides.{IMAGE}.subscription.reliability": "reliable"}
    bench.start(LocalizerNode, **settings, **override)
    bench.publishers[IMAGE] = bench.peer.create_publisher(type(image), IMAGE, BEST_EFFORT)
    bench.wait_for_health(ERROR, [IMAGE, "does not match"])


def test_an_override_holds_after_the_node_was_cleaned_up_and_configured_again(bench, settings):
    override = {"qos_overrides./localizer/hypotheses.publisher.depth": 3}
    node = bench.start(LocalizerNode, **settings, **override)
    for trigger in (node.trigger_deactivate, node.trigger_cleanup, node.trigger_configure, node.trigger_activate):
        trigger()
    publisher = next(p for p in node.publishers if p.msg_type is PoseHypothesisArray)
    assert publisher.qos_profile.depth == 3


def test_subscriptions_to_transforms_have_the_quality_of_service_of_the_parameters(bench, monkeypatch):
    if ros_libraries.tf_message_type() is None:
        monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: PoseArray)  # any type will do
    overrides = {
        "qos_overrides./tf.subscription.reliability": "best_effort",
        "qos_overrides./tf_static.subscription.durability": "volatile",
    }
    bench.start(MapBuilderNode, **overrides, odometry_topic="/tf")
    found = {topic: bench.peer.get_subscriptions_info_by_topic(topic) for topic in ("/tf", "/tf_static")}
    assert [len(subscriptions) for subscriptions in found.values()] == [2, 2]  # for mounts, and for odometry
    assert {s.qos_profile.reliability for s in found["/tf"]} == {ReliabilityPolicy.BEST_EFFORT}
    assert {s.qos_profile.durability for s in found["/tf_static"]} == {DurabilityPolicy.VOLATILE}


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("/points.subscription.reliability", "good", "= 'good': expected one of reliable, best_effort"),
        ("/points.subscription.depth", 0, "= 0: expected an integer from 1"),
        ("/points.subscription.deadline", 5, "deadline cannot be set: set one of depth, history"),
        ("points.depth", 5, "is not known: write qos_overrides./TOPIC.publisher.POLICY"),
    ],
)
def test_a_quality_of_service_that_cannot_be_used_is_refused_in_one_line(bench, name, value, words):
    with pytest.raises(LiplocError) as raised:
        bench.start(MapBuilderNode, **{f"qos_overrides.{name}": value})
    assert words in str(raised.value) and "\n" not in str(raised.value)


def test_an_override_of_a_topic_that_the_node_does_not_have_is_named_in_a_warning(bench, capfd):
    overrides = {f"qos_overrides./{topic}.publisher.depth": 3 for topic in ("scan", "scam")}
    parameters = [Parameter(name, value=value) for name, value in overrides.items()]
    node = bench.add(Node("sensor", context=bench.context, parameter_overrides=parameters))
    check_qos_overrides(node, delay=0.1)
    node.create_publisher(PoseHypothesisArray, "scan", 1, qos_overriding_options=QOS_OVERRIDES)
    log = []
    bench.wait(lambda: log.append(capfd.readouterr().err) or "no effect" in "".join(log), "no warning")
    assert "no effect so far: qos_overrides./scam.publisher.depth; the node has no such topic" in "".join(log)
