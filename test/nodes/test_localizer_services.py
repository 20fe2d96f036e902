# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The services and the life cycle of the localizer node."""

import os
from dataclasses import replace

import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseArray
from lifecycle_msgs.msg import State, Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rclpy.parameter import Parameter
from support.ros_bench import IMAGE, INFO

from liploc_ros.errors import LiplocError
from liploc_ros.msg import LocalizationStatus, PoseHypothesisArray
from liploc_ros.nodes.common import ros_libraries
from liploc_ros.nodes.localizer.camera import NotReadyError
from liploc_ros.nodes.localizer.engine import LocalizerEngine
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.localizer.outputs import LocalizerOutputs
from liploc_ros.srv import LoadMap, Localize

WARN = 1


def is_calibrated(camera, image):
    try:
        camera.mounted(image.header.frame_id, "base_link")
    except LiplocError:
        return False
    return True


def test_localize_without_an_image_reports_it_after_the_timeout(bench, settings):
    bench.start(LocalizerNode, **settings, localize_timeout=0.2)
    response = bench.call(Localize, "/localizer/localize", Localize.Request())
    assert response.status == LocalizationStatus.NO_IMAGE
    assert IMAGE in response.message


def test_localize_refuses_an_old_image(bench, settings, image, info):
    node = bench.start(LocalizerNode, **{**settings, "max_image_age": 1.0, "localize_timeout": 0.2})
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: node.cameras[0].latest, "no image")
    response = bench.call(Localize, "/localizer/localize", Localize.Request())
    assert response.status == LocalizationStatus.STALE_IMAGE
    assert "use_sim_time" in response.message


def test_localize_returns_at_most_the_requested_number_of_hypotheses(bench, settings, image, info):
    node = bench.start(LocalizerNode, **settings, continuous=False)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: node.cameras[0].latest, "no image")
    response = bench.call(Localize, "/localizer/localize", Localize.Request(max_hypotheses=1))
    assert (response.status, len(response.hypotheses)) == (LocalizationStatus.SUCCESS, 1)
    assert response.latency_ms > 0
    assert response.header.stamp == image.header.stamp


def test_localize_names_the_available_cameras_if_another_is_requested(bench, settings, image, info):
    node = bench.start(LocalizerNode, **settings, localize_timeout=0.1)
    bench.publish(INFO, info)
    bench.publish(IMAGE, image)
    bench.wait(lambda: node.cameras[0].latest, "no image")
    response = bench.call(Localize, "/localizer/localize", Localize.Request(camera="rear"))
    assert response.status == LocalizationStatus.NO_IMAGE
    assert image.header.frame_id in response.message


def test_loading_a_damaged_map_keeps_the_old_one(bench, settings, saved_map, image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    node = bench.start(LocalizerNode, **settings)
    before = node.engine.lidar_map.id
    with (saved_map / "tiles/000000/features.npy").open("r+b") as file:
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

    def track_while_the_map_is_replaced(engine, *arguments, **options):
        node.use_map(replace(engine))
        return track(engine, *arguments, **options)

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
