# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tracking by the localizer node: a recorded drive is played to it, image by image, with its odometry."""

import copy
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from support.ros_bench import IMAGE, INFO, messages_of

from liploc_ros.datasets.mounts import format_mount
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.localization import Hypothesis, Localization, Localizer, Status, TrackingResult, TrackingState
from liploc_ros.localization.tracking.known_pose import PoseSource
from liploc_ros.msg import Belief, PoseHypothesisArray
from liploc_ros.nodes.common.conversions import header_at, stamp_ns_of
from liploc_ros.nodes.localizer.engine import LocalizerEngine
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.localizer.outcome import ImageOutcome
from liploc_ros.srv import LoadMap, Localize

OK, WARN, ERROR = 0, 1, 2
ODOMETRY = "/odom"
UNTIL_LOCALIZED = 8  # images; about half of them are needed


@pytest.fixture(scope="module")
def recorded(demo_bag):
    return messages_of(demo_bag, IMAGE, INFO, ODOMETRY)


@pytest.fixture
def settings(demo_map_folder, demo_camera):
    mount = format_mount(demo_camera.frame_id, demo_camera.T_base_camera)
    accept_all = {"max_image_age": 0.0, "acceptance.min_confidence": 0.0, "acceptance.min_margin": 0.0}
    return {"map": str(demo_map_folder), "image_topics": [IMAGE], "sensor_mounts": [mount], **accept_all}


class Received:
    """Messages of the localizer."""

    def __init__(self, bench):
        self.hypotheses = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
        self.beliefs = bench.subscribe(Belief, "/localizer/belief")
        self.poses = bench.subscribe(PoseWithCovarianceStamped, "/localizer/pose")
        self.initial_poses = bench.subscribe(PoseWithCovarianceStamped, "/initialpose")


@pytest.fixture
def received(bench):
    return Received(bench)


@pytest.fixture
def play(bench, recorded, received):
    """Return a function that plays images, each after the odometry before it, and waits for their results."""
    odometry = iter(recorded[ODOMETRY])

    def play_odometry(until_ns, base_frame):
        for message in odometry:
            bench.publish(ODOMETRY, Odometry(header=message.header, child_frame_id=base_frame, pose=message.pose))
            if stamp_ns_of(message) > until_ns:
                return

    def play_images(images, base_frame="base_link"):
        bench.publish(INFO, recorded[INFO][0])
        for image in images:
            if base_frame is not None:
                play_odometry(stamp_ns_of(image), base_frame)
            count = len(received.hypotheses)
            bench.publish(IMAGE, image)
            bench.wait(lambda count=count: len(received.hypotheses) > count, "no result of an image")

    return play_images


def of(messages, stamped):
    """Return the message of the same stamp."""
    return next((m for m in messages if m.header.stamp == stamped.header.stamp), None)


def repeated(image, times):
    """Return the images that a vehicle that does not move would take."""
    images = [copy.copy(image) for _ in range(times)]
    for number, again in enumerate(images):
        again.header = header_at(stamp_ns_of(image) + number * 10**8, image.header.frame_id)
    return images


def test_a_drive_gets_localized_and_its_pose_is_the_tracked_one(bench, settings, recorded, play, received):
    bench.start(LocalizerNode, **settings, odometry_topic=ODOMETRY)
    play(recorded[IMAGE][:UNTIL_LOCALIZED])
    last = recorded[IMAGE][UNTIL_LOCALIZED - 1]
    belief = bench.wait(lambda: of(received.beliefs, last), "no belief")
    pose = bench.wait(lambda: of(received.poses, last), "no pose")
    assert received.beliefs[0].state < belief.state == Belief.LOCALIZED
    assert pose.pose == belief.hypotheses[0].pose != of(received.hypotheses, last).hypotheses[0].pose
    assert belief.probability_lost + sum(h.probability for h in belief.hypotheses) == pytest.approx(1, abs=1e-3)
    bench.wait_for_health(OK, ["localized at place"])


def test_without_tracking_there_is_no_belief_and_the_pose_is_that_of_the_image(
    bench, settings, recorded, play, received
):
    node = bench.start(LocalizerNode, **settings, **{"tracking.enabled": False})
    play(recorded[IMAGE][:3], base_frame=None)
    bench.wait(lambda: len(received.poses) == 3, "not all poses")
    assert [p.pose for p in received.poses] == [h.hypotheses[0].pose for h in received.hypotheses]
    assert not [p for p in node.publishers if p.topic_name.endswith("/belief")]


def test_a_stationary_vehicle_has_the_pose_of_its_image(bench, settings, recorded, play, received):
    bench.start(LocalizerNode, **settings)
    play(repeated(recorded[IMAGE][0], 5), base_frame=None)
    bench.wait(lambda: len(received.poses) == len(received.beliefs) == 5, "not all poses")
    assert max(belief.state for belief in received.beliefs) < Belief.LOCALIZED


@pytest.mark.parametrize(("ahead", "source"), [(0.5, PoseSource.IMAGE), (40.0, PoseSource.NONE)])
def test_an_accepted_image_that_contradicts_tracking_gives_no_pose(demo_map, bundle, ahead, source):
    here = Hypothesis(np.eye(4), np.eye(6), 0.7, 0.9, 0, "camera", 0.9)
    tracked = replace(here, T_map_base=pose_from_yaw(ahead, 0, 0, 0))
    alone = Localization(Status.SUCCESS, "", (here,), 0, 1.0)
    tracking = TrackingResult(TrackingState.CONVERGING, "", 0.4, (tracked,), alone, 0, 1.0)
    outcome = ImageOutcome(alone, tracking, LocalizerEngine(Localizer(demo_map, bundle), "", ""))
    assert outcome.pose_source is source and (outcome.pose is None) == (source is PoseSource.NONE)


def test_diagnostics_warn_of_a_vehicle_that_stays_lost(bench, settings, recorded, play):
    bench.start(LocalizerNode, **settings, **{"tracking.lost_probability": 0.001})
    play(repeated(recorded[IMAGE][0], 20), base_frame=None)
    bench.wait_for_health(WARN, ["lost after each of the last 20 images"])


def test_initialpose_is_published_when_the_pose_becomes_known_and_when_tracking_is_localized(
    bench, settings, recorded, play, received
):
    bench.start(LocalizerNode, **settings, odometry_topic=ODOMETRY, publish_initialpose=True)
    play(recorded[IMAGE][:UNTIL_LOCALIZED])
    bench.wait(lambda: len(received.beliefs) == UNTIL_LOCALIZED, "not all beliefs")
    localized = next(belief for belief in received.beliefs if belief.state == Belief.LOCALIZED)
    expected = [recorded[IMAGE][0].header.stamp, localized.header.stamp]
    bench.wait(lambda: [pose.header.stamp for pose in received.initial_poses] == expected, "not these")


def test_tracking_restarts_on_another_map(bench, settings, recorded, play, received, saved_map):
    bench.start(LocalizerNode, **settings, odometry_topic=ODOMETRY)
    play(recorded[IMAGE][:UNTIL_LOCALIZED])
    assert bench.call(LoadMap, "/localizer/load_map", LoadMap.Request(path=str(saved_map))).success
    play([recorded[IMAGE][UNTIL_LOCALIZED]])
    bench.wait(lambda: len(received.beliefs) == UNTIL_LOCALIZED + 1, "not all beliefs")
    assert received.beliefs[-1].state < received.beliefs[-2].state == Belief.LOCALIZED


def test_tracking_continues_without_odometry_of_another_base_frame(bench, settings, recorded, play, received):
    bench.start(LocalizerNode, **settings, odometry_topic=ODOMETRY)
    play(recorded[IMAGE][:UNTIL_LOCALIZED], base_frame="trailer")
    bench.wait_for_health(ERROR, ["'trailer'", "'base_link'"])
    bench.wait(lambda: received.beliefs and received.beliefs[-1].state == Belief.LOCALIZED, "not localized")


def test_odometry_that_does_not_cover_the_images_is_reported(bench, settings, recorded, play):
    bench.start(LocalizerNode, **settings, odometry_topic=ODOMETRY)
    play(recorded[IMAGE][:1])
    play(recorded[IMAGE][20:21], base_frame=None)
    bench.wait_for_health(WARN, ["no odometry on /odom at the time of the image", "s older"])


def test_localize_returns_the_result_of_an_image_alone_after_tracking_used_it(
    bench, settings, recorded, play, received
):
    bench.start(LocalizerNode, **settings, odometry_topic=ODOMETRY)
    play(recorded[IMAGE][:UNTIL_LOCALIZED])
    bench.wait(lambda: len(received.beliefs) == UNTIL_LOCALIZED, "not all beliefs")
    response = bench.call(Localize, "/localizer/localize", Localize.Request())
    assert response.hypotheses[0].place_id == received.hypotheses[-1].hypotheses[0].place_id
    assert len(received.beliefs) == UNTIL_LOCALIZED
    assert len([pose for pose in received.poses if pose.header.stamp == response.header.stamp]) == 1
