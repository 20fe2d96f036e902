# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The Python client of the nodes, over DDS, with the real nodes."""

import threading

import numpy as np
import pytest

pytest.importorskip("rclpy")

from support.ros_bench import ACCEPT_ALL, DOMAIN, IMAGE, INFO, localizer_settings, messages_of

from liploc_ros.client import (
    Connection,
    LocalizerClient,
    MapBuilderClient,
    NodeNotFoundError,
    NoResponseError,
    PosePrior,
    RefusedError,
    Status,
    TrackingState,
    pose_prior,
)
from liploc_ros.localization import PriorError
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.map_builder.node import MapBuilderNode
from liploc_ros.srv import Localize


@pytest.fixture(scope="module")
def recorded(demo_bag):
    return messages_of(demo_bag, IMAGE, INFO, "/points", "/odom")


@pytest.fixture
def settings(demo_map_folder, demo_camera):
    return localizer_settings(demo_map_folder, demo_camera) | ACCEPT_ALL


@pytest.fixture
def connection():
    with Connection(domain_id=DOMAIN) as connection:
        yield connection


@pytest.fixture
def localizer(connection):
    return LocalizerClient("localizer", connection, discovery_timeout=20.0)  # a busy machine


@pytest.fixture
def play(bench, recorded):
    """Return a function that publishes an image of the recording."""

    def publish(number=10):
        bench.publish(INFO, recorded[INFO][number])
        bench.publish(IMAGE, recorded[IMAGE][number])

    return publish


@pytest.fixture
def truth(demo_drive, recorded):
    poses = {frame.stamp_ns: frame.T_map_base for frame in demo_drive.images()}
    return poses[stamp_ns_of(recorded[IMAGE][10])]


def test_waiting_returns_the_map_of_the_localizer(bench, settings, localizer, demo_map):
    node = bench.start(LocalizerNode, **settings)
    found = localizer.wait(20)
    assert (found.map_id, found.places, found.map_frame) == (node.engine.lidar_map.id, demo_map.manifest.places, "map")
    np.testing.assert_allclose([found.lower, found.upper], demo_map.bounds)


def test_localize_returns_the_pose_of_the_latest_image(bench, settings, localizer, play, truth):
    bench.start(LocalizerNode, **settings)
    play()
    result = localizer.localize(max_hypotheses=1)
    assert (result.is_accepted, len(result.hypotheses), result.base_frame) == (True, 1, "base_link")
    assert np.linalg.norm(result.best.T_map_base[:2, 3] - truth[:2, 3]) < 1.5
    assert np.linalg.eigvalsh(result.best.covariance).min() > 0
    assert result.latency_ms > 0


def test_a_prior_restricts_the_search(bench, settings, localizer, play, truth):
    bench.start(LocalizerNode, **settings)
    play()
    x, y = truth[:2, 3] - 30
    away = localizer.localize(prior=pose_prior(x, y, sigma=1.0))
    assert away.best is None or np.linalg.norm(away.best.T_map_base[:2, 3] - truth[:2, 3]) > 10
    x, y = truth[:2, 3]
    assert localizer.localize(prior=pose_prior(x, y, sigma=2.0)).is_accepted


def test_a_prior_that_is_not_finite_is_refused_at_once():
    with pytest.raises(PriorError, match="not finite"):
        pose_prior(float("nan"), 0.0)


def test_localize_without_an_image_is_refused_with_the_reason_of_the_node(bench, settings, localizer):
    bench.start(LocalizerNode, **settings)
    with pytest.raises(RefusedError, match=f"NO_IMAGE: no image on {IMAGE}"):
        localizer.localize(timeout=0.2)


def test_a_node_that_is_not_there_is_named_with_those_that_are(bench, settings, connection):
    bench.start(LocalizerNode, **settings)
    with pytest.raises(NodeNotFoundError, match=r"no node /front/localizer; nodes that offer it: /localizer: start it"):
        LocalizerClient("/front/localizer", connection, discovery_timeout=5.0).localize()


def test_a_node_that_is_not_configured_is_told_apart_from_one_that_is_not_there(bench, settings, connection):
    bench.start(LocalizerNode, **settings, autostart=False)
    localizer = LocalizerClient("localizer", connection, discovery_timeout=3.0)
    with pytest.raises(NodeNotFoundError, match="not configured: ros2 lifecycle set /localizer configure"):
        localizer.localize()


def test_a_node_that_does_not_respond_is_an_error_after_the_timeout(bench, connection):
    is_over = threading.Event()

    def wait(request, response):
        is_over.wait(30)
        return response

    bench.peer.create_service(Localize, "/stuck/localize", wait)
    client = LocalizerClient("stuck", connection)
    try:
        with pytest.raises(NoResponseError, match=r"/stuck/localize: no response for 0\.5 s"):
            connection.call(Localize, client.node, "localize", Localize.Request(), 0.5, 5.0)
    finally:
        is_over.set()


def test_another_map_can_be_loaded_and_a_wrong_path_keeps_the_old_one(bench, settings, localizer, saved_map, tmp_path):
    bench.start(LocalizerNode, **settings)
    assert localizer.load_map(str(saved_map)).path == str(saved_map)
    with pytest.raises(RefusedError, match=r"no map here .* the old map stays in use"):
        localizer.load_map(str(tmp_path / "nothing"))
    assert localizer.map().path == str(saved_map)


def test_beliefs_can_be_iterated(bench, settings, localizer, play):
    bench.start(LocalizerNode, **settings)
    with localizer.beliefs(timeout=10) as beliefs:
        bench.wait(lambda: bench.peer.count_subscribers("/localizer/belief"), "not subscribed")
        play()
        belief = next(beliefs)
    assert isinstance(belief.state, TrackingState)
    assert belief.map_frame == "map"
    assert 0 <= belief.probability_lost <= 1
    assert list(beliefs) == []  # it is closed


def test_results_and_poses_come_by_callback_and_a_callback_that_fails_is_logged(
    bench, settings, localizer, play, recorded, capfd
):
    bench.start(LocalizerNode, **settings)
    poses, images = [], []

    def fail(result):
        images.append(result)
        raise RuntimeError("my mistake")

    localizer.on_image(fail)
    localizer.on_pose(poses.append)
    localizer.wait()
    bench.wait(lambda: bench.peer.count_subscribers("/localizer/pose"), "not subscribed")
    play(10)
    bench.wait(lambda: images and poses, "no results")
    play(12)
    bench.wait(lambda: len(images) > 1, "the subscription has ended")
    assert {image.status for image in images} == {Status.SUCCESS}
    assert poses[0].stamp_ns == stamp_ns_of(recorded[IMAGE][10])
    assert "RuntimeError: my mistake" in capfd.readouterr().err


def test_a_stream_on_which_nothing_arrives_is_an_error_after_the_timeout(bench, settings, localizer):
    bench.start(LocalizerNode, **settings)
    with localizer.beliefs(timeout=0.3) as beliefs, pytest.raises(NoResponseError, match=r"nothing arrived for 0\.3 s"):
        next(beliefs)


def test_a_prior_restarts_tracking(bench, settings, localizer, truth, capfd):
    bench.start(LocalizerNode, **settings)
    x, y = truth[:2, 3]
    localizer.set_prior(pose_prior(x, y))
    log = lambda: capfd.readouterr().err  # noqa: E731
    bench.wait(lambda: f"initial pose x {x:.1f} m" in log(), "no initial pose")


def test_a_prior_is_refused_if_the_node_does_not_listen(bench, settings, connection):
    bench.start(LocalizerNode, **settings, use_initialpose=False)
    client = LocalizerClient("localizer", connection, discovery_timeout=20.0)
    with pytest.raises(RefusedError, match="/localizer does not listen to /initialpose: set its parameter"):
        client.set_prior(PosePrior(np.zeros(3), np.eye(3)))


def test_the_status_has_the_diagnostics_of_the_node_alone(bench, settings, localizer):
    bench.start(LocalizerNode, **settings)
    bench.start(MapBuilderNode)
    status = localizer.status()
    assert (status["map"].level, status["map"].values["path"]) == ("OK", settings["map"])
    assert status.level == "WARN"  # there is no image
    assert {item.name for item in status.items} == {f"camera {IMAGE}", "tracking", "localization", "map"}


def test_the_status_of_a_node_that_is_not_there_is_an_error(bench, localizer):
    with pytest.raises(NodeNotFoundError, match=r"/localizer publishes nothing on /diagnostics for 0\.5 s"):
        localizer.status(timeout=0.5)


def test_a_map_is_built_paused_and_saved(bench, connection, recorded, demo_drive, tmp_path):
    from liploc_ros.datasets.mounts import format_mount

    mount = format_mount(demo_drive.lidar_frame, demo_drive.T_base_lidar)
    bench.start(
        MapBuilderNode,
        map_path=str(tmp_path / "map"),
        sensor_mounts=[mount],
        reliability="reliable",
        lateral_reach=0.0,
        queue=100,
    )
    builder = MapBuilderClient("map_builder", connection)
    builder.wait(20)
    with pytest.raises(RefusedError, match="/map_builder: 0 of 0 scans on /points kept"):
        builder.save_map()
    with builder.progress() as progress:
        for odometry in recorded["/odom"]:
            bench.publish("/odom", odometry)
        for scan in recorded["/points"][:12]:
            bench.publish("/points", scan)
        assert next(state for state in progress if state.keyframes >= 2).scans_received > 1
    assert "paus" in builder.pause()
    assert builder.status()["map building"].level == "WARN"
    assert "resume" in builder.resume()
    saved = builder.save_map()
    assert (saved.path, saved.places > 5, saved.size_bytes > 0) == (str(tmp_path / "map"), True, True)
