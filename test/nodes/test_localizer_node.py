# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The localizer node, image by image."""

import copy
from collections import Counter

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from nav_msgs.msg import Path
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from support.ros_bench import BEST_EFFORT, IMAGE, INFO, LATCHED, RAW_IMAGE
from visualization_msgs.msg import MarkerArray

from liploc_ros.datasets.pose_message import pose_of
from liploc_ros.localization import Localizer
from liploc_ros.msg import LocalizationStatus, MapInfo, PoseHypothesisArray
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.nodes.localizer.node import LocalizerNode

OK, WARN, ERROR = 0, 1, 2


def test_an_image_gives_the_hypotheses_and_the_pose_that_the_library_gives(
    bench, settings, image, raw_image, info, demo_map, demo_camera, bundle
):
    hypotheses = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    poses = bench.subscribe(PoseWithCovarianceStamped, "/localizer/pose")
    bench.start(LocalizerNode, **settings)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: poses and hypotheses, "no pose")
    assert (hypotheses[0].header, hypotheses[0].child_frame_id) == (poses[0].header, "base_link")
    assert (poses[0].header.stamp, poses[0].header.frame_id) == (image.header.stamp, "map")
    pixels = np.frombuffer(raw_image.data, np.uint8).reshape(raw_image.height, raw_image.width, 3)
    expected = Localizer(demo_map, bundle).localize(pixels, demo_camera, stamp_ns_of(image))
    assert len(hypotheses[0].hypotheses) == len(expected.hypotheses)
    assert pose_of(poses[0].pose.pose) == pytest.approx(expected.best.T_map_base, abs=1e-3)


def test_published_covariances_are_positive_definite(bench, settings, image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    bench.start(LocalizerNode, **settings)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    for hypothesis in bench.wait(lambda: received, "no hypotheses")[0].hypotheses:
        covariance = hypothesis.pose.covariance.reshape(6, 6)
        assert np.allclose(covariance, covariance.T)
        assert np.linalg.eigvalsh(covariance).min() > 0


def test_a_raw_image_and_its_jpeg_give_the_same_best_hypothesis(bench, settings, image, raw_image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    topics = {"image_topics": [IMAGE, "/other/image"], "camera_info_topics": [INFO, INFO]}
    bench.start(LocalizerNode, **{**settings, **topics})
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: received, "no result of the JPEG")
    bench.publish("/other/image", raw_image)
    bench.wait(lambda: len(received) == 2, "no result of the raw image")
    assert received[0].hypotheses[0].place_id == received[1].hypotheses[0].place_id
    assert received[0].hypotheses[0].score == pytest.approx(received[1].hypotheses[0].score, abs=1e-4)


def test_the_compressed_topic_is_found_from_the_raw_name(bench, settings, image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    bench.start(LocalizerNode, **{**settings, "image_topics": [RAW_IMAGE]})
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: received, "no hypotheses")


def test_poses_markers_and_the_map_are_published_for_rviz(bench, settings, image, info):
    poses = bench.subscribe(PoseArray, "/localizer/poses")
    markers = bench.subscribe(MarkerArray, "/localizer/markers")
    bench.start(LocalizerNode, **settings)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: poses and markers, "no poses or no markers")
    shown = Counter(marker.ns for marker in markers[0].markers)
    assert shown["hypotheses"] == shown["labels"] == len(poses[0].poses)
    assert shown["belief"] == 2 * len(poses[0].poses)  # an arrow and an ellipse each
    late_map = bench.subscribe(MarkerArray, "/localizer/map_markers", LATCHED)
    late_info = bench.subscribe(MapInfo, "/localizer/map_info", LATCHED)
    bench.wait(lambda: late_map and late_info, "the map is not kept for late subscribers")
    assert late_info[0].places == len(late_map[0].markers[1].points)


def test_the_matched_view_shows_the_camera_above_the_map(bench, settings, image, info):
    views = bench.subscribe(Image, "/localizer/matched_view")
    bench.start(LocalizerNode, **settings)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    view = bench.wait(lambda: views and views[0], "no matched view")
    assert (view.header.stamp, view.header.frame_id) == (image.header.stamp, image.header.frame_id)
    pixels = np.frombuffer(view.data, np.uint8).reshape(view.height, view.width, 3)
    camera, lidar = pixels[: view.height // 2 - 1], pixels[view.height // 2 + 1 :]
    assert camera.shape == lidar.shape
    assert (camera.max(axis=2) > 0).mean() > 0.5 < (lidar.max(axis=2) > 0).mean()


def test_the_path_has_the_known_poses_that_are_apart(bench, settings, image, info, monkeypatch):
    monkeypatch.setattr("liploc_ros.nodes.localizer.displays.PATH_PERIOD", 0)
    poses = bench.subscribe(PoseWithCovarianceStamped, "/localizer/pose")
    paths = bench.subscribe(Path, "/localizer/path")
    bench.start(LocalizerNode, **{**settings, "tracking.enabled": False})
    bench.publish(INFO, info)
    for number in range(2):  # the same image twice: the vehicle stands
        image.header.stamp.sec += number
        bench.publish(IMAGE, image)
        bench.wait(lambda count=number + 1: len(paths) >= count, "no path")
    assert [pose.pose for pose in paths[-1].poses] == [poses[0].pose.pose]
    assert paths[-1].header.frame_id == "map"


def test_markers_are_published_less_often_than_hypotheses_at_high_rates(bench, settings, image, info, monkeypatch):
    monkeypatch.setattr("liploc_ros.nodes.localizer.displays.MARKER_PERIOD", 60)
    hypotheses = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    markers = bench.subscribe(MarkerArray, "/localizer/markers")
    bench.start(LocalizerNode, **settings)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: markers and hypotheses, "no markers")
    image.header.stamp.sec += 1
    bench.publish(IMAGE, image)
    bench.wait(lambda: len(hypotheses) == 2, "no second result")
    assert len(markers) == 1


def test_an_unknown_place_gives_no_pose(bench, settings, image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    poses = bench.subscribe(PoseWithCovarianceStamped, "/localizer/pose")
    bench.start(LocalizerNode, **{**settings, "acceptance.min_confidence": 1.0})
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    assert bench.wait(lambda: received, "no hypotheses")[0].status == LocalizationStatus.UNKNOWN_PLACE
    assert not poses
    bench.wait_for_health(OK, ["images are localized"])


def test_initialpose_is_published_only_on_request(bench, settings, image, info):
    initial = bench.subscribe(PoseWithCovarianceStamped, "/initialpose")
    bench.start(LocalizerNode, **settings, publish_initialpose=True)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: initial, "no initialpose")
    node = bench.start(LocalizerNode, **settings)
    assert "/initialpose" not in [publisher.topic_name for publisher in node.publishers]


def test_an_image_without_camera_info_becomes_an_error_that_names_the_topic(bench, settings, image):
    bench.start(LocalizerNode, **settings, camera_info_timeout=0.2)
    bench.publish(IMAGE, image)
    bench.wait(lambda: not bench.publish(IMAGE, image) and bench.nodes[1].cameras[0].is_overdue(), "not overdue")
    bench.publish(IMAGE, image)
    assert "camera_info_topics" in bench.wait_for_health(ERROR, ["no CameraInfo on", INFO]).message


def test_an_unknown_encoding_is_reported_by_topic_and_the_node_continues(bench, settings, raw_image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    bench.start(LocalizerNode, **{**settings, "image_topics": [RAW_IMAGE], "transport": "raw"})
    bench.publish(INFO, info)
    bad = copy.deepcopy(raw_image)
    bad.encoding = "yuv999"
    bench.publish(RAW_IMAGE, bad)
    bench.wait_for_health(WARN, [RAW_IMAGE, "'yuv999'", "is not supported"])
    bench.publish(RAW_IMAGE, raw_image)
    bench.wait(lambda: received and received[-1].hypotheses, "the node has stopped")
    bench.wait_for_health(OK, ["images arrive"])


def test_an_image_that_cannot_be_used_gives_an_empty_array_with_the_reason(bench, settings, image):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    bench.start(LocalizerNode, **settings)
    bench.publish(IMAGE, image)
    array = bench.wait(lambda: received, "no result of the image")[0]
    assert (array.status, array.hypotheses) == (LocalizationStatus.INTERNAL_ERROR, [])
    assert (array.header.stamp, array.header.frame_id) == (image.header.stamp, "map")
    assert INFO in array.message


def test_a_truncated_image_is_reported_by_topic(bench, settings, image, info):
    bench.start(LocalizerNode, **settings)
    bench.publish(INFO, info)
    image.data = image.data[: len(image.data) // 2]
    bench.publish(IMAGE, image)
    bench.wait_for_health(WARN, [IMAGE, "cut off"])


def test_an_image_of_another_size_than_its_calibration_is_reported(bench, settings, image, info):
    bench.start(LocalizerNode, **settings)
    info.width //= 2
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait_for_health(WARN, ["calibrated for", "CameraInfo"])


def test_a_publisher_of_another_quality_of_service_is_reported(bench, settings, image):
    bench.start(LocalizerNode, **settings, reliability="reliable")
    bench.peer.create_publisher(type(image), IMAGE, BEST_EFFORT)
    status = bench.wait_for_health(ERROR, [IMAGE, "peer", "does not match"])
    assert "reliability to auto" in status.message


def test_the_node_continues_after_time_jumps_back(bench, settings, image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    node = bench.start(LocalizerNode, **settings, use_sim_time=True)
    clock = Clock()
    for seconds in (100, 50):
        clock.clock.sec = seconds
        bench.publish("/clock", clock)
        bench.wait(lambda: node.get_clock().now().nanoseconds == clock.clock.sec * 10**9, "the clock was not received")
        bench.publish(INFO, info)
        image.header.stamp.sec, image.header.stamp.nanosec = seconds, 0

        def is_localized(seconds=seconds):
            bench.publish(IMAGE, image)  # as a camera does: an image that arrives during the jump is dropped
            return any(result.hypotheses and result.header.stamp.sec == seconds for result in received)

        bench.wait(is_localized, "no hypotheses")
