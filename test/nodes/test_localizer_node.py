"""The localizer node, image by image and by its services."""

import copy
import os
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseArray, PoseWithCovarianceStamped
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from support.ros_bench import BEST_EFFORT, IMAGE, INFO, LATCHED, RAW_IMAGE, messages_of
from visualization_msgs.msg import MarkerArray

from liploc_ros.errors import LiplocError
from liploc_ros.localization import Localizer
from liploc_ros.msg import MapInfo, PoseHypothesisArray
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.common.conversions import pose_of, stamp_ns_of
from liploc_ros.nodes.common.mounts import format_mount
from liploc_ros.nodes.localizer.camera import NotReadyError
from liploc_ros.nodes.localizer.engine import LocalizerEngine
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.localizer.outputs import LocalizerOutputs
from liploc_ros.srv import LoadMap, Localize

OK, WARN, ERROR = 0, 1, 2
ACCEPT_ALL = {"acceptance.min_confidence": 0.0, "acceptance.min_margin": 0.0}


@pytest.fixture(scope="module")
def recorded(demo_bag):
    return messages_of(demo_bag, IMAGE, INFO)


@pytest.fixture
def image(recorded):
    return copy.deepcopy(recorded[IMAGE][10])


@pytest.fixture
def info(recorded):
    return copy.deepcopy(recorded[INFO][10])


@pytest.fixture
def raw_image(demo_drive, demo_camera, image):
    frames = {frame.stamp_ns: frame for frame in demo_drive.images()}
    pixels = frames[stamp_ns_of(image)].images[demo_camera.frame_id]()
    height, width, _ = pixels.shape
    return Image(
        header=image.header, height=height, width=width, encoding="rgb8", step=3 * width, data=pixels.tobytes()
    )


@pytest.fixture
def settings(demo_map_folder, demo_camera):
    """Settings that accept the images of an old recording, whatever their confidence."""
    mount = format_mount(demo_camera.frame_id, demo_camera.T_base_camera)
    return {
        "map": str(demo_map_folder),
        "image_topics": [IMAGE],
        "sensor_mounts": [mount],
        "max_image_age": 0.0,
        **ACCEPT_ALL,
    }


def is_calibrated(camera, image):
    try:
        camera.mounted(image.header.frame_id, "base_link")
    except LiplocError:
        return False
    return True


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
    assert shown["hypotheses"] == shown["scores"] == len(poses[0].poses)
    assert shown["belief"] == 2 * len(poses[0].poses)  # an arrow and an ellipse each
    late_map = bench.subscribe(MarkerArray, "/localizer/map_markers", LATCHED)
    late_info = bench.subscribe(MapInfo, "/localizer/map_info", LATCHED)
    bench.wait(lambda: late_map and late_info, "the map is not kept for late subscribers")
    assert late_info[0].places == len(late_map[0].markers[1].points)


def test_an_unknown_place_gives_no_pose(bench, settings, image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    poses = bench.subscribe(PoseWithCovarianceStamped, "/localizer/pose")
    bench.start(LocalizerNode, **{**settings, "acceptance.min_confidence": 1.0})
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    assert bench.wait(lambda: received, "no hypotheses")[0].status == Localize.Response.UNKNOWN_PLACE
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
    bench.wait_for_health(WARN, [RAW_IMAGE, "'yuv999'", "publish one of"])
    bench.publish(RAW_IMAGE, raw_image)
    bench.wait(lambda: received and received[-1].hypotheses, "the node has stopped")
    bench.wait_for_health(OK, ["images arrive"])


def test_an_image_that_cannot_be_used_gives_an_empty_array_with_the_reason(bench, settings, image):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    bench.start(LocalizerNode, **settings)
    bench.publish(IMAGE, image)
    array = bench.wait(lambda: received, "no result of the image")[0]
    assert (array.status, array.hypotheses) == (Localize.Response.INTERNAL_ERROR, [])
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
    assert "reliability to best_effort" in status.message


def test_localize_without_an_image_reports_it_after_the_timeout(bench, settings):
    bench.start(LocalizerNode, **settings, localize_timeout=0.2)
    response = bench.call(Localize, "/localizer/localize", Localize.Request())
    assert response.status == Localize.Response.NO_IMAGE
    assert IMAGE in response.message


def test_localize_refuses_an_old_image(bench, settings, image, info):
    node = bench.start(LocalizerNode, **{**settings, "max_image_age": 1.0, "localize_timeout": 0.2})
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: node.cameras[0].latest, "no image")
    response = bench.call(Localize, "/localizer/localize", Localize.Request())
    assert response.status == Localize.Response.STALE_IMAGE
    assert "use_sim_time" in response.message


def test_localize_returns_at_most_the_requested_number_of_hypotheses(bench, settings, image, info):
    node = bench.start(LocalizerNode, **settings, continuous=False)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: node.cameras[0].latest, "no image")
    response = bench.call(Localize, "/localizer/localize", Localize.Request(max_hypotheses=1))
    assert (response.status, len(response.hypotheses)) == (Localize.Response.SUCCESS, 1)
    assert response.latency_ms > 0
    assert response.header.stamp == image.header.stamp


def test_localize_names_the_available_cameras_if_another_is_requested(bench, settings, image, info):
    node = bench.start(LocalizerNode, **settings, localize_timeout=0.1)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: node.cameras[0].latest, "no image")
    response = bench.call(Localize, "/localizer/localize", Localize.Request(camera="rear"))
    assert response.status == Localize.Response.NO_IMAGE
    assert image.header.frame_id in response.message


def test_loading_a_damaged_map_keeps_the_old_one(bench, settings, saved_map, image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    node = bench.start(LocalizerNode, **settings)
    before = node.engine.lidar_map.id
    with (saved_map / "cells.npy").open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        file.write(b"\x55")
    response = bench.call(LoadMap, "/localizer/load_map", LoadMap.Request(path=str(saved_map)))
    assert not response.success
    assert str(saved_map) in response.message
    assert node.engine.lidar_map.id == before
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: received, "the node has stopped")
    bench.wait_for_health(WARN, ["load_map failed", "old map stays"])


def test_loading_a_map_replaces_the_old_one(bench, settings, saved_map):
    node = bench.start(LocalizerNode, **settings)
    response = bench.call(LoadMap, "/localizer/load_map", LoadMap.Request(path=str(saved_map)))
    assert (response.success, response.map_info.path) == (True, str(saved_map))
    assert node.engine.lidar_map.path == saved_map


def test_a_result_on_the_old_map_is_not_published_after_the_map_is_replaced(bench, settings, image, info, monkeypatch):
    node = bench.start(LocalizerNode, **settings, continuous=False)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    camera = node.cameras[0]
    bench.wait(lambda: camera.latest and is_calibrated(camera, image), "no image")
    track = LocalizerEngine.track

    def track_while_the_map_is_replaced(engine, *arguments):
        node.use_map(replace(engine))
        return track(engine, *arguments)

    monkeypatch.setattr(LocalizerEngine, "track", track_while_the_map_is_replaced)
    monkeypatch.setattr(LocalizerOutputs, "publish", lambda *result: pytest.fail("published"))
    with pytest.raises(NotReadyError, match="the map was replaced"):
        node.localize_image(camera, camera.latest)


def test_a_node_that_cannot_be_activated_reports_why(bench, settings, monkeypatch):
    monkeypatch.setattr(LocalizerOutputs, "publish_map", lambda *of: (_ for _ in ()).throw(LiplocError("no markers")))
    with pytest.raises(LiplocError, match="no markers"):
        bench.start(LocalizerNode, **settings)


def test_a_missing_map_is_reported_in_one_line_and_leaves_no_publishers(bench, settings, tmp_path):
    with pytest.raises(LiplocError, match=r"no map here .* build one"):
        bench.start(LocalizerNode, **{**settings, "map": str(tmp_path / "none")})
    node = bench.nodes[-1]
    assert node.engine is None
    assert not any("hypotheses" in publisher.topic_name for publisher in node.publishers)


def test_an_unknown_parameter_in_a_yaml_is_refused_by_name(bench, tmp_path):
    yaml = tmp_path / "parameters.yaml"
    yaml.write_text("localizer:\n  ros__parameters:\n    image_topic: [a]\n")
    with pytest.raises(LiplocError, match=r"image_topic of node localizer is not known: did you mean image_topics\?"):
        bench.start(LocalizerNode, yaml=yaml)


def test_parameters_cannot_change_while_the_map_is_loaded(bench, settings):
    node = bench.start(LocalizerNode, **settings)
    result = node.set_parameters([Parameter("matching.candidates", value=5)])[0]
    assert not result.successful
    assert "load_map" in result.reason


def test_a_lifecycle_manager_can_start_stop_and_start_again(bench, settings, image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    bench.start(LocalizerNode, **settings, autostart=False)
    for step in ("CONFIGURE", "ACTIVATE", "DEACTIVATE", "CLEANUP", "CONFIGURE", "ACTIVATE"):
        transition = Transition(id=getattr(Transition, f"TRANSITION_{step}"))
        assert bench.call(ChangeState, "/localizer/change_state", ChangeState.Request(transition=transition)).success
    assert (
        bench.call(GetState, "/localizer/get_state", GetState.Request()).current_state.id == State.PRIMARY_STATE_ACTIVE
    )
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: received, "no hypotheses")


def test_configuring_without_a_map_fails_and_can_be_tried_again(bench, settings):
    node = bench.start(LocalizerNode, **{**settings, "map": "/nowhere"}, autostart=False)
    configure = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_CONFIGURE))
    assert not bench.call(ChangeState, "/localizer/change_state", configure).success
    assert node.set_parameters([Parameter("map", value=settings["map"])])[0].successful
    assert bench.call(ChangeState, "/localizer/change_state", configure).success


def test_the_node_continues_after_time_jumps_back(bench, settings, image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    node = bench.start(LocalizerNode, **settings, use_sim_time=True)
    clock = Clock()
    for seconds in (100, 50):
        clock.clock.sec = seconds
        bench.publish("/clock", clock)
        # Topics are not ordered among each other, and an image that arrives before the jump is dropped.
        bench.wait(lambda: node.get_clock().now().nanoseconds == clock.clock.sec * 10**9, "the clock was not received")
        bench.publish(INFO, info)
        bench.publish(IMAGE, image)
        bench.wait(lambda: received, "no hypotheses")
        received.clear()


def test_cameras_without_mounts_are_refused_if_transforms_cannot_be_received(bench, settings, monkeypatch):
    monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: None)
    without_mounts = {name: value for name, value in settings.items() if name != "sensor_mounts"}
    with pytest.raises(LiplocError, match="set the parameter sensor_mounts"):
        bench.start(LocalizerNode, **without_mounts)


def test_broadcasting_transforms_without_tf2_msgs_or_odometry_is_refused(bench, settings, monkeypatch):
    monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: None)
    with pytest.raises(LiplocError, match="publish_tf needs tf2_msgs"):
        bench.start(LocalizerNode, **settings, publish_tf=True)
    monkeypatch.setattr(ros_libraries, "tf_message_type", lambda: PoseArray)
    with pytest.raises(LiplocError, match="set the parameter odometry_topic"):
        bench.start(LocalizerNode, **settings, publish_tf=True)
