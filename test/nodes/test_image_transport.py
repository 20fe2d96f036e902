# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""How images arrive over DDS: reliability, lost images, stamps, publishers that stop and return."""

import copy
import time

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.qos import ReliabilityPolicy
from support.ros_bench import BEST_EFFORT, IMAGE, INFO, RAW_IMAGE, RELIABLE

from liploc_ros.msg import LocalizationStatus, PoseHypothesisArray
from liploc_ros.nodes.localizer import camera as camera_module
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.subscriptions.serialized_message import SerializedMessage
from liploc_ros.srv import Localize

OK, WARN, ERROR = 0, 1, 2
HOUR = 3600


def stamped(image, node, *, seconds=0.0):
    """Return a copy of an image with the time of the node, shifted."""
    copied = copy.copy(image)
    copied.header = copy.deepcopy(image.header)
    stamp_ns = node.get_clock().now().nanoseconds + int(seconds * 1e9)
    copied.header.stamp.sec, copied.header.stamp.nanosec = divmod(stamp_ns, 10**9)
    return copied


def has_hypotheses(received):
    """Wait a little for the answer to an image; the first one may arrive before its calibration."""
    time.sleep(0.2)
    return received and received[-1].hypotheses


def values(status):
    return {item.key: item.value for item in status.values}


def reliability_of(bench, name="localizer"):
    subscriptions = bench.peer.get_subscriptions_info_by_topic(IMAGE)
    return {s.qos_profile.reliability for s in subscriptions if s.node_name == name}


@pytest.fixture
def node(bench, settings, info):
    """A localizer with a limit on the age of images, and a calibration."""
    started = bench.start(LocalizerNode, **{**settings, "max_image_age": 2.0})
    bench.publish(INFO, info)
    return started


def test_the_subscription_follows_the_publishers(bench, node, image):
    first = bench.peer.create_publisher(type(image), IMAGE, RELIABLE)
    bench.wait(lambda: reliability_of(bench) == {ReliabilityPolicy.RELIABLE}, "not reliable")
    bench.wait_for_health(WARN, ["no image on", "has the publisher peer"])
    second = bench.peer.create_publisher(type(image), IMAGE, BEST_EFFORT)
    bench.wait(lambda: reliability_of(bench) == {ReliabilityPolicy.BEST_EFFORT}, "not best effort")
    bench.peer.destroy_publisher(second)
    bench.wait(lambda: reliability_of(bench) == {ReliabilityPolicy.RELIABLE}, "not reliable again")
    bench.peer.destroy_publisher(first)


def test_images_arrive_once_while_the_reliability_changes(bench, node, image):
    publisher = bench.peer.create_publisher(type(image), IMAGE, RELIABLE)
    bench.wait(lambda: reliability_of(bench) == {ReliabilityPolicy.RELIABLE}, "not reliable")
    bench.wait(publisher.get_subscription_count, "no subscription")
    for number in range(40):
        if number == 10:
            other = bench.peer.create_publisher(type(image), IMAGE, BEST_EFFORT)
        publisher.publish(stamped(image, node))
        time.sleep(0.1)
    assert reliability_of(bench) == {ReliabilityPolicy.BEST_EFFORT}
    assert 30 < node.cameras[0].received <= 40  # a busy machine may miss some: the queue has depth 1
    bench.peer.destroy_publisher(other)


@pytest.mark.parametrize(("profile", "chosen"), [(RELIABLE, "reliable (auto"), (BEST_EFFORT, "best_effort (auto")])
def test_raw_images_of_any_publisher_are_localized(bench, settings, raw_image, info, profile, chosen):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    node = bench.start(LocalizerNode, **{**settings, "image_topics": [RAW_IMAGE]})
    bench.publish(INFO, info)

    def publish():
        bench.publish(RAW_IMAGE, stamped(raw_image, node), profile)  # a new stamp each time
        time.sleep(0.05)  # a camera: what comes faster than DDS can send is lost

    bench.wait(lambda: publish() or has_hypotheses(received), "no hypotheses")
    assert values(bench.wait_for_health(OK, ["images arrive"], meanwhile=publish))["reliability"].startswith(chosen)


def test_images_that_are_not_used_are_not_deserialized(bench, settings, raw_image, monkeypatch):
    node = bench.start(LocalizerNode, **settings | {"image_topics": [RAW_IMAGE], "continuous": False})
    monkeypatch.setattr(SerializedMessage, "read", lambda message: pytest.fail("deserialized"))
    for _ in range(3):
        node.cameras[0].latest = None
        bench.publish(RAW_IMAGE, raw_image)
        bench.wait(lambda: node.cameras[0].latest, "images are missing")
    assert node.cameras[0].latest.frame_id == raw_image.header.frame_id


def test_images_that_never_arrive_are_counted_and_reported_once(bench, node, image, monkeypatch):
    warnings = []
    monkeypatch.setattr(camera_module.CameraInput, "log_loss", lambda camera, line: warnings.append(line))
    for number in range(50):
        if number % 5 or number < 10:
            bench.publish(IMAGE, stamped(image, node))
        time.sleep(0.05)
    status = bench.wait_for_health(WARN, [IMAGE, "never arrived", "shared-memory segment"])
    assert int(values(status)["images lost"]) >= 8  # more on a busy machine: the queue has depth 1
    bench.wait_for_health(WARN, ["never arrived"])
    assert len(warnings) == 1


@pytest.mark.parametrize(
    ("seconds", "words", "status"),
    [
        (-HOUR, "the image is 3600 s old", LocalizationStatus.STALE_IMAGE),
        (HOUR, "s in the future", LocalizationStatus.INTERNAL_ERROR),
        (None, "stamps are zero", LocalizationStatus.INTERNAL_ERROR),
    ],
)
def test_stamps_that_cannot_be_used_are_refused_with_the_reason(bench, node, image, seconds, words, status):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    refused = stamped(image, node, seconds=seconds or 0.0)
    if seconds is None:
        refused.header.stamp.sec = refused.header.stamp.nanosec = 0
    bench.publish(IMAGE, refused)
    array = bench.wait(lambda: received, "no result")[0]
    assert (array.hypotheses, words in array.message) == ([], True)
    kind = {-HOUR: "old", HOUR: "future", None: "zero"}[seconds]
    assert values(bench.wait_for_health(WARN, [IMAGE, words]))[f"images refused: {kind} stamp"] == "1"
    response = bench.call(Localize, "/localizer/localize", Localize.Request())
    assert (response.status, words in response.message) == (status, True)


def test_stamps_that_stand_still_are_refused(bench, node, image):
    standing = stamped(image, node)
    for _ in range(14):
        bench.publish(IMAGE, standing)
        time.sleep(0.1)
    status = bench.wait_for_health(WARN, [IMAGE, "have the same stamp"])
    assert int(values(status)["images refused: constant stamp"]) > 0


def test_a_recording_without_simulated_time_is_used_with_a_warning(bench, node, image):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    bench.publish(IMAGE, image)
    assert bench.wait(lambda: received, "no hypotheses")[0].hypotheses
    bench.wait_for_health(WARN, ["days old", "use_sim_time"])


def test_a_camera_that_stops_and_returns(bench, node, image):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    for number in range(2):
        publisher = bench.peer.create_publisher(type(image), IMAGE, RELIABLE)
        bench.wait(publisher.get_subscription_count, "no subscription")
        for _ in range(10):
            publisher.publish(stamped(image, node))
            time.sleep(0.1)
        bench.wait(lambda: received and received[-1].hypotheses, "no hypotheses")
        bench.wait_for_health(OK, ["images arrive"])
        bench.peer.destroy_publisher(publisher)
        if number == 0:
            bench.wait_for_health(WARN, ["no image on", "for "])
        received.clear()
    assert int(values(bench.wait_for_health(WARN, ["no image on"]))["images lost"]) < 10  # not the pause


def test_images_after_a_jump_of_the_clock_are_used_and_none_is_lost(bench, node, image):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    for number in range(20):
        bench.publish(IMAGE, stamped(image, node, seconds=0.0 if number < 10 else -30.0))
        time.sleep(0.1)
    bench.wait(lambda: received and received[-1].hypotheses, "no hypotheses")
    assert int(values(bench.wait_for_health(OK, ["images arrive"]))["images lost"]) < 10  # not 30 s of images


def test_a_message_that_is_cut_off_is_reported_and_the_node_continues(bench, node, image):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    bench.publish(IMAGE, stamped(image, node))
    bench.publishers[IMAGE].publish(bytes([0, 1, 0, 0, 1, 2, 3]))
    bench.wait_for_health(WARN, ["7 bytes", "is not a CompressedImage"])
    received.clear()
    bench.publish(IMAGE, stamped(image, node))
    assert bench.wait(lambda: received, "the node has stopped")[0].hypotheses


def test_the_names_of_the_diagnostic_statuses_never_change(bench, settings, image, info):
    arrays = bench.subscribe(DiagnosticArray, "/diagnostics")
    node = bench.start(
        LocalizerNode, **{**settings, "image_topics": [RAW_IMAGE], "odometry_topic": "odom"}, autostart=False
    )
    bench.wait(lambda: arrays, "no diagnostics")
    node.trigger_configure()
    node.trigger_activate()
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)  # the compressed topic is found
    bench.wait_for_health(OK, ["images arrive"])
    names = {
        frozenset(status.name for status in array.status) for array in arrays if "peer" not in array.status[0].name
    }
    expected = [f"camera {RAW_IMAGE}", "localization", "tracking", "map", "odometry"]
    assert names == {frozenset(f"localizer: {name}" for name in expected)}
