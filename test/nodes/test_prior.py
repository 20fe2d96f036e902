# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Priors: in ~/localize, on initialpose, and from the last run."""

import copy
import json
import re

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseWithCovariance, PoseWithCovarianceStamped
from support.ros_bench import IMAGE, INFO

from liploc_ros.datasets.pose_message import pose_of
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.geometry.se2 import SE2_AXES, se2_of
from liploc_ros.localization import PosePrior, TrackingConfig
from liploc_ros.mapping import LidarMap
from liploc_ros.msg import Belief, LocalizationStatus, PoseHypothesisArray
from liploc_ros.nodes.common.conversions import header_at, pose_to_message, stamp_ns_of
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.localizer.prior.messages import prior_of
from liploc_ros.nodes.localizer.prior.search_prior import SearchPrior
from liploc_ros.srv import Localize

FAR_AWAY = pose_from_yaw(5000.0, 0.0, 0.0, 0.0)
SECOND = 10**9


@pytest.fixture
def without_tracking(settings):
    return {**settings, "tracking.enabled": False}


@pytest.fixture
def log(capfd):
    """Return a function that returns all log lines so far. /rosout is not used: nodes of one name share a publisher."""
    lines = []

    def read():
        lines.append(capfd.readouterr().err)
        return "".join(lines)

    return read


@pytest.fixture
def received(bench):
    return bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")


@pytest.fixture
def localize(bench, image, info, received):
    """Return a function that publishes the image, with its stamp moved by some seconds, and returns its result."""

    def publish(seconds=0.0):
        again = copy.copy(image)
        again.header = header_at(stamp_ns_of(image) + round(seconds * SECOND), image.header.frame_id)
        count = len(received)
        bench.publish(INFO, info)
        bench.publish(IMAGE, again)
        bench.wait(lambda: len(received) > count, "no result")
        return received[-1]

    return publish


def prior_at(T_map_base, sigma=2.0):
    """Return a message with the same standard deviation for x, y [m] and yaw [rad]."""
    covariance = np.zeros((6, 6))
    covariance[SE2_AXES, SE2_AXES] = sigma**2
    return PoseWithCovariance(pose=pose_to_message(T_map_base), covariance=covariance.ravel())


def initial_pose(T_map_base, frame_id="map", sigma=2.0):
    return PoseWithCovarianceStamped(header=header_at(0, frame_id), pose=prior_at(T_map_base, sigma))


def request(T_map_base, **changes):
    return Localize.Request(has_prior=True, prior=prior_at(T_map_base), **changes)


def distance(a, b):
    return np.linalg.norm(pose_of(a)[:2, 3] - pose_of(b)[:2, 3])


def test_localize_searches_only_around_the_prior(bench, settings, localize):
    bench.start(LocalizerNode, **settings)
    here = localize().hypotheses[0].pose.pose
    near = bench.call(Localize, "/localizer/localize", request(pose_of(here)))
    assert near.status == LocalizationStatus.SUCCESS
    assert all(distance(h.pose.pose, here) < 10 for h in near.hypotheses)
    far = bench.call(Localize, "/localizer/localize", request(FAR_AWAY))
    assert (far.status, far.hypotheses) == (LocalizationStatus.UNKNOWN_PLACE, [])


def test_localize_describes_map_and_camera_also_without_hypotheses(bench, settings, localize, image):
    node = bench.start(LocalizerNode, **settings, localize_timeout=0.1)
    described = {"map_id": node.engine.lidar_map.id, "child_frame_id": "base_link"}
    nothing = bench.call(Localize, "/localizer/localize", Localize.Request())
    assert (nothing.status, nothing.camera) == (LocalizationStatus.NO_IMAGE, "")
    localize()
    far = bench.call(Localize, "/localizer/localize", request(FAR_AWAY))
    assert (far.hypotheses, far.camera) == ([], image.header.frame_id)
    for response in (nothing, far):
        assert {name: getattr(response, name) for name in described} == described


@pytest.mark.parametrize(
    ("prior", "words"),
    [
        (PoseWithCovariance(pose=pose_to_message(np.eye(4)), covariance=-np.eye(6).ravel()), "not positive"),
        (PoseWithCovariance(pose=pose_to_message(np.eye(4)), covariance=np.full(36, np.nan)), "not finite"),
        (prior_at(pose_from_yaw(np.inf, 0, 0, 0)), "not finite or has no rotation"),
    ],
)
def test_localize_refuses_a_prior_that_cannot_be_used(bench, settings, prior, words):
    bench.start(LocalizerNode, **settings)
    response = bench.call(Localize, "/localizer/localize", Localize.Request(has_prior=True, prior=prior))
    assert response.status == LocalizationStatus.INVALID_REQUEST
    assert words in response.message and "\n" not in response.message


def test_zero_covariance_means_that_of_rviz():
    prior = prior_of(PoseWithCovariance(pose=pose_to_message(pose_from_yaw(1, 2, 3, 0.5))))
    assert prior.mean == pytest.approx([1, 2, 0.5])
    assert np.sqrt(np.diag(prior.covariance)) == pytest.approx([0.5, 0.5, 0.26])


def test_initialpose_restricts_the_search_until_the_pose_is_known(bench, without_tracking, localize):
    bench.start(LocalizerNode, **without_tracking)
    here = localize().hypotheses[0].pose.pose
    bench.publish("/initialpose", initial_pose(FAR_AWAY))
    bench.wait(lambda: localize(1).status == LocalizationStatus.UNKNOWN_PLACE, "initialpose has no effect")
    bench.publish("/initialpose", initial_pose(pose_of(here)))
    bench.wait(lambda: localize(2).status == LocalizationStatus.SUCCESS, "initialpose has no effect")
    assert len(localize(3).hypotheses) > 1


def test_a_wrong_initialpose_ends_after_prior_timeout(bench, without_tracking, localize):
    bench.start(LocalizerNode, **without_tracking, prior_timeout=5.0)
    localize()
    bench.publish("/initialpose", initial_pose(FAR_AWAY))
    bench.wait(lambda: localize(1).status == LocalizationStatus.UNKNOWN_PLACE, "initialpose has no effect")
    assert localize(5.9).status == LocalizationStatus.UNKNOWN_PLACE
    assert localize(6.1).status == LocalizationStatus.SUCCESS


def test_initialpose_restarts_tracking(bench, settings, localize):
    beliefs = bench.subscribe(Belief, "/localizer/belief")
    node = bench.start(LocalizerNode, **settings)
    localize()
    bench.wait(lambda: beliefs and beliefs[-1].hypotheses, "no hypotheses")
    bench.publish("/initialpose", initial_pose(FAR_AWAY))
    bench.wait(lambda: not len(node.engine.localizer.tracker.mixture.state), "tracking did not restart")
    localize(1)
    bench.wait(lambda: len(beliefs) == 2, "no belief")
    assert (beliefs[-1].state, beliefs[-1].hypotheses) == (Belief.LOST, [])


def test_a_belief_and_a_failure_have_map_and_camera(bench, settings, received, localize, image):
    beliefs = bench.subscribe(Belief, "/localizer/belief")
    node = bench.start(LocalizerNode, **settings)
    localize()
    bench.wait(lambda: beliefs, "no belief")
    bench.publish(IMAGE, type(image)(header=image.header, format="jpeg", data=b"damaged"))
    bench.wait(lambda: len(received) == 2, "no result")
    assert (received[1].status, received[1].hypotheses) == (LocalizationStatus.INTERNAL_ERROR, [])
    for message in (*received, *beliefs):
        assert (message.map_id, message.camera) == (node.engine.lidar_map.id, image.header.frame_id)
        assert message.child_frame_id == "base_link"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (initial_pose(FAR_AWAY, "odom"), "its frame is 'odom', that of the map is 'map'"),
        (initial_pose(pose_from_yaw(np.nan, 0, 0, 0)), "not finite or has no rotation"),
    ],
)
def test_an_initialpose_that_cannot_be_used_is_ignored_with_a_warning(bench, settings, localize, log, message, reason):
    bench.start(LocalizerNode, **settings)
    bench.publish("/initialpose", message)
    bench.wait(lambda: re.search(f"/initialpose is ignored: .*{reason}", log()), "no warning")
    assert localize().status == LocalizationStatus.SUCCESS


def test_the_node_does_not_hear_its_own_initialpose(bench, without_tracking, localize, log):
    published = bench.subscribe(PoseWithCovarianceStamped, "/initialpose")
    bench.start(LocalizerNode, **without_tracking, publish_initialpose=True)
    localize()
    own = bench.wait(lambda: published, "no initialpose")[0]
    bench.publish("/initialpose", initial_pose(pose_of(own.pose.pose)))
    bench.wait(lambda: "tracking restarts" in log(), "a pose of others was ignored")
    assert log().count("tracking restarts") == 1


def test_without_use_initialpose_there_is_no_subscription(bench, settings):
    bench.start(LocalizerNode, **settings, use_initialpose=False)
    bench.wait(lambda: bench.peer.count_subscribers(IMAGE), "not discovered")
    assert bench.peer.count_subscribers("/initialpose") == 0


def test_the_last_pose_is_the_prior_after_a_restart(bench, without_tracking, localize, tmp_path):
    path = tmp_path / "state" / "pose.json"
    node = bench.start(LocalizerNode, **without_tracking, pose_file=str(path))
    here = localize().hypotheses[0].pose.pose
    node.close()
    stored = json.loads(path.read_text())
    assert stored["pose"] == pytest.approx(se2_of(pose_of(here)).tolist())
    stored["pose"][0] += 5000.0
    path.write_text(json.dumps(stored))
    node.trigger_deactivate()
    node.trigger_cleanup()
    node.trigger_configure()
    node.trigger_activate()
    assert localize(1).status == LocalizationStatus.UNKNOWN_PLACE


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"map_id": "other"}, "it is on the map other, the map in use is"),
        ({"stamp_ns": "never"}, "stamp_ns"),
        ({"covariance": [-1e6, 0, 0, 0, 0, 0, 0, 0, 0]}, "not positive"),
    ],
)
def test_a_stored_pose_that_cannot_be_used_is_refused_with_a_warning(
    bench, without_tracking, localize, tmp_path, demo_map_folder, bundle, log, content, reason
):
    path = tmp_path / "pose.json"
    stored = {
        "map_id": LidarMap.load(demo_map_folder, bundle).id,
        "stamp_ns": 0,
        "pose": [5000.0, 0.0, 0.0],
        "covariance": [1, 0, 0, 0, 1, 0, 0, 0, 1],
    }
    path.write_text(json.dumps({**stored, **content}))
    bench.start(LocalizerNode, **without_tracking, pose_file=str(path))
    assert re.search(f"{path}: the last pose is not used: .*{reason}", log())
    assert localize().status == LocalizationStatus.SUCCESS


def test_a_pose_file_that_cannot_be_written_is_refused(bench, settings, tmp_path):
    with pytest.raises(LiplocError, match=r"parameter pose_file: .* is a folder: choose another file"):
        bench.start(LocalizerNode, **settings, pose_file=str(tmp_path))


def test_odometry_moves_the_prior_and_its_heading_error_grows_across():
    search = SearchPrior(30.0, TrackingConfig())
    search.set(PosePrior(np.array([0.0, 0.0, np.pi / 2]), np.diag([1.0, 1.0, 0.04])))
    start = search.at(0, pose_from_yaw(7, 0, 0, 0))
    moved = search.at(SECOND, pose_from_yaw(17, 0, 0, 0))
    assert start.mean == pytest.approx([0, 0, np.pi / 2])
    assert moved.mean == pytest.approx([0, 10, np.pi / 2])
    assert moved.covariance[0, 0] > start.covariance[0, 0] + 4.0


def test_without_odometry_the_covariance_of_the_prior_grows_with_time():
    search = SearchPrior(30.0, TrackingConfig())
    search.set(PosePrior(np.zeros(3), np.eye(3)))
    variances = [search.at(seconds * SECOND, None).covariance[0, 0] for seconds in (0, 2)]
    assert variances == pytest.approx([1, 1 + 10**2])


def test_images_of_several_cameras_may_arrive_in_any_order_while_there_is_a_prior():
    search = SearchPrior(30.0, TrackingConfig(clock_jump=1.0))
    search.set(PosePrior(np.zeros(3), np.eye(3)))
    assert [search.at(round(t * SECOND), None) is not None for t in (10, 9.5, 10.1, 8)] == [True, True, True, False]
