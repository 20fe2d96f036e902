# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Transforms received and broadcast by the nodes, over DDS."""

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import PoseWithCovarianceStamped
from nav_msgs.msg import Odometry
from support.ros_bench import IMAGE, INFO, LATCHED, RELIABLE, messages_of

from liploc_ros.datasets.pose_message import pose_of, pose_of_transform
from liploc_ros.datasets.trajectory import Trajectory
from liploc_ros.mapping import LidarMap
from liploc_ros.msg import PoseHypothesisArray
from liploc_ros.nodes.common.conversions import stamp_ns_of
from liploc_ros.nodes.common.mounts import MountError
from liploc_ros.nodes.common.ros_libraries import tf_message_type
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.nodes.map_builder.node import MapBuilderNode
from liploc_ros.srv import SaveMap

pytestmark = pytest.mark.skipif(tf_message_type() is None, reason="tf2_msgs comes with a ROS 2 installation only")

TF_STATIC = "/tf_static"


@pytest.fixture(scope="module")
def recorded(demo_bag):
    return messages_of(demo_bag, IMAGE, INFO, TF_STATIC, "/points", "/odom")


@pytest.fixture
def settings(demo_map_folder):
    accept_all = {"acceptance.min_confidence": 0.0, "acceptance.min_margin": 0.0}
    return {"map": str(demo_map_folder), "image_topics": [IMAGE], "max_image_age": 0.0, **accept_all}


def is_known(node, frame):
    try:
        node.mounts.lookup("base_link", frame)
    except MountError:
        return False
    return True


def test_mounts_of_cameras_are_taken_from_static_transforms(bench, settings, recorded):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    bench.start(LocalizerNode, **settings)
    bench.publish(TF_STATIC, recorded[TF_STATIC][0], LATCHED)
    bench.publish(INFO, recorded[INFO][10])
    image = recorded[IMAGE][10]  # again and again: the first may arrive before the transforms
    bench.wait(lambda: bench.publish(IMAGE, image) or any(array.hypotheses for array in received), "no hypotheses")


def test_a_volatile_publisher_of_static_transforms_is_named_with_the_remedy(bench, recorded, tmp_path):
    bench.start(MapBuilderNode, map_path=str(tmp_path / "map"), odometry_timeout=0.1)
    bench.publishers[TF_STATIC] = bench.peer.create_publisher(tf_message_type(), TF_STATIC, RELIABLE)
    bench.wait(lambda: bench.peer.count_publishers(TF_STATIC), "not discovered")
    bench.publish("/odom", recorded["/odom"][0])
    bench.publish("/points", recorded["/points"][0])
    remedy = "set the parameter qos_overrides./tf_static.subscription.durability to volatile"
    bench.wait_for_health(2, ["its durability is volatile, transient_local is requested", remedy])


def test_an_override_hears_a_volatile_publisher_of_static_transforms(bench, recorded, demo_drive):
    override = {"qos_overrides./tf_static.subscription.durability": "volatile"}
    node = bench.start(MapBuilderNode, **override)
    bench.publish(TF_STATIC, recorded[TF_STATIC][0], RELIABLE)
    bench.wait(lambda: is_known(node, demo_drive.lidar_frame), "no static transform received")


def test_the_mount_of_the_lidar_is_taken_from_static_transforms(bench, recorded, tmp_path, demo_drive):
    settings = {"points_topic": "/points", "odometry_topic": "/odom", "index_size": 4096, "reliability": "reliable"}
    node = bench.start(MapBuilderNode, **settings, queue=100)
    bench.publish(TF_STATIC, recorded[TF_STATIC][0], LATCHED)
    bench.wait(lambda: is_known(node, demo_drive.lidar_frame), "no static transform received")
    for message in recorded["/odom"][:20]:
        bench.publish("/odom", message)
    bench.publish("/points", recorded["/points"][0])
    bench.wait(lambda: node.collector.snapshot().keyframes, "no keyframe")
    response = bench.call(SaveMap, "/map_builder/save_map", SaveMap.Request(path=str(tmp_path / "map")))
    assert response.success, response.message
    keyframe = node.collector.snapshot().keyframes[0]
    assert np.allclose(keyframe.T_base_lidar, demo_drive.T_base_lidar, atol=1e-6)
    assert LidarMap.load(tmp_path / "map").manifest.keyframes == 1


def test_map_to_odometry_is_broadcast_once_a_pose_was_accepted(bench, settings, recorded):
    transforms = bench.subscribe(tf_message_type(), "/tf")
    bench.start(LocalizerNode, **settings, publish_tf=True, odometry_topic="/odom")
    image = recorded[IMAGE][10]
    around = [msg for msg in recorded["/odom"] if abs(stamp_ns_of(msg) - stamp_ns_of(image)) < 10**9]
    for message in around:
        bench.publish("/odom", message)
    assert not transforms
    bench.publish(TF_STATIC, recorded[TF_STATIC][0], LATCHED)
    bench.publish(INFO, recorded[INFO][10])
    poses = bench.subscribe(PoseWithCovarianceStamped, "/localizer/pose")
    bench.wait(lambda: bench.publish(IMAGE, image) or poses, "no pose")
    last = around[-1]
    later = Odometry(header=last.header, child_frame_id=last.child_frame_id, pose=last.pose)
    bench.wait(lambda: bench.publish("/odom", later) or transforms, "no transform")
    transform = transforms[0].transforms[0]
    assert (transform.header.frame_id, transform.child_frame_id) == ("map", "odom")
    # With the odometry at the time of the image, the transform gives the published pose.
    odometry = Trajectory()
    for message in around:
        odometry.append(stamp_ns_of(message), pose_of(message.pose.pose))
    T_map_base = pose_of_transform(transform.transform) @ odometry.at(stamp_ns_of(image))
    assert np.allclose(T_map_base, pose_of(poses[0].pose.pose), atol=1e-3)
