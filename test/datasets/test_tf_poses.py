# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses and mounts from /tf, other topics, options and other files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bag_maker import write_bag

from liploc_ros.datasets import BagOptions, BagTopics, DatasetError, read_bag
from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.bag.node_topics import check_bag_topics
from liploc_ros.datasets.mounts import SensorMounts, format_mount, parse_mount
from liploc_ros.datasets.pose_message import base_frame_of
from liploc_ros.geometry import MountedCamera, PinholeCamera, Pose, PoseError, pose_from_yaw

K = np.array([[40.0, 0, 32], [0, 40, 16], [0, 0, 1]])
MS = 1_000_000
LIDAR = pose_from_yaw(1, 0, 2, 0)


def scan(stamp_ns: int, frame_id: str = "lidar") -> Any:
    return messages.point_cloud(stamp_ns, frame_id, np.array([[5, 0, 0, 0.5]], np.float32))


def tf(stamp_ns: int, parent: str, **children: Pose) -> Any:
    return messages.transforms(stamp_ns, parent, children)


def odometry(stamp_ns: int, child: str) -> Any:
    return messages.odometry(stamp_ns, "odom", child, pose_from_yaw(stamp_ns / MS, 0, 0, 0), np.zeros(6), [1.0] * 12)


def write(tmp_path: Path, *items: tuple[str, Any], name: str = "bag.mcap") -> Path:
    return write_bag(tmp_path / name, [(topic, (i + 1) * MS, msg) for i, (topic, msg) in enumerate(items)])


NEEDS = ("points", "odometry")


def test_poses_are_those_of_the_moving_chain_on_tf(tmp_path: Path) -> None:
    moving = [tf(t * MS, "odom", base_link=pose_from_yaw(t, 0, 0, 0)) for t in (10, 20)]
    drifting = [tf(t * MS, "map", odom=pose_from_yaw(0, t, 0, 0)) for t in (10, 20)]
    joint = tf(10 * MS, "base_link", lidar=LIDAR, wheel=np.eye(4))
    items = [("/tf", msg) for msg in (*drifting, *moving, joint)]
    drive = read_bag(write(tmp_path, *items, ("/points", scan(15 * MS))), needs=NEEDS)
    assert drive.base_frame == "base_link" and drive.datum.startswith("origin of the frame 'map'")
    assert drive.frames[0].T_map_base == pytest.approx(pose_from_yaw(15, 15, 0, 0))
    assert drive.T_base_lidar == pytest.approx(LIDAR)


def test_tf_can_be_chosen_instead_of_odometry(tmp_path: Path) -> None:
    moving = [tf(t * MS, "map", base_link=pose_from_yaw(0, t, 0, 0)) for t in (10, 20)]
    items = [("/tf", msg) for msg in moving] + [("/odom", odometry(t * MS, "base_link")) for t in (10, 20)]
    bag = write(tmp_path, *items, ("/tf_static", tf(0, "base_link", lidar=LIDAR)), ("/points", scan(15 * MS)))
    assert read_bag(bag, needs=NEEDS).frames[0].T_map_base == pytest.approx(pose_from_yaw(15, 0, 0, 0))
    chosen = read_bag(bag, BagTopics(odometry="/tf"), needs=NEEDS)
    assert chosen.frames[0].T_map_base == pytest.approx(pose_from_yaw(0, 15, 0, 0))
    check_bag_topics(bag, odometry="/tf")


def test_a_vehicle_without_a_base_link_has_the_lowest_moving_frame(tmp_path: Path) -> None:
    items = [("/tf", tf(t * MS, "world", imu=pose_from_yaw(t, 0, 0, 0))) for t in (10, 20)]
    drive = read_bag(write(tmp_path, *items, ("/tf_static", tf(0, "imu", lidar=LIDAR)), ("/points", scan(15 * MS))))
    assert drive.base_frame == "imu"


def test_without_poses_the_error_says_what_tf_has(tmp_path: Path) -> None:
    path = write(tmp_path, ("/tf", tf(1, "base_link", wheel=np.eye(4))), ("/points", scan(1)))
    with pytest.raises(
        DatasetError, match=r"no topic of type nav_msgs/Odometry.*; /tf has base_link -> wheel \(1, fixed\)"
    ):
        read_bag(path, needs=NEEDS)


def test_topics_of_poses_can_be_chosen_and_are_named(tmp_path: Path) -> None:
    pose = messages.MESSAGES["geometry_msgs/msg/PoseStamped"](
        header=messages.header(5, "map"), pose=odometry(5 * MS, "").pose.pose
    )
    path = write(tmp_path, ("/pose", pose), ("/points", scan(5, "base_link")))
    with pytest.raises(DatasetError, match=r"choose a topic of poses with --odometry-topic: /pose$"):
        read_bag(path, needs=NEEDS)
    frame = read_bag(path, BagTopics(odometry="/pose"), needs=NEEDS).frames[0]
    assert frame.T_map_base is not None and frame.T_map_base[0, 3] == 5


def test_mounts_on_a_namespaced_topic_are_used(tmp_path: Path) -> None:
    items = [("/robot/tf_static", tf(0, "base_link", lidar=LIDAR)), ("/odom", odometry(5, "base_link"))]
    drive = read_bag(write(tmp_path, *items, ("/points", scan(5))))
    assert drive.T_base_lidar == pytest.approx(LIDAR)


def test_of_several_namespaced_topics_one_must_be_chosen(tmp_path: Path) -> None:
    items = [(f"/{robot}/tf_static", tf(0, "base_link", lidar=LIDAR)) for robot in ("a", "b")]
    path = write(tmp_path, *items, ("/points", scan(5)))
    with pytest.raises(DatasetError, match="other topics of transforms: /a/tf_static, /b/tf_static"):
        read_bag(path)
    assert read_bag(path, BagTopics(tf_static="/b/tf_static")).T_base_lidar == pytest.approx(LIDAR)


def test_mounts_can_be_given_or_read_from_another_bag(tmp_path: Path) -> None:
    path = write(tmp_path, ("/odom", odometry(5, "base_link")), ("/points", scan(5)), name="drive_1.mcap")
    first = write(tmp_path, ("/tf_static", tf(0, "base_link", lidar=LIDAR)), name="drive_0.mcap")
    given = BagOptions(sensor_mounts=(format_mount("lidar", LIDAR),))
    assert read_bag(path, options=given).T_base_lidar == pytest.approx(LIDAR)
    assert read_bag(path, options=BagOptions(calibration=(str(first),))).T_base_lidar == pytest.approx(LIDAR)
    with pytest.raises(DatasetError, match=r"give the folder of the whole recording, --sensor-mount 'lidar x y z"):
        read_bag(path)


def test_a_static_transform_connects_two_base_frames(tmp_path: Path) -> None:
    static = tf(0, "base_footprint", base_link=pose_from_yaw(0, 0, 0.5, 0))
    items = [("/tf_static", static), ("/odom", odometry(5 * MS, "base_footprint"))]
    path = write(tmp_path, *items, ("/points", scan(5 * MS, "base_link")))
    drive = read_bag(path, options=BagOptions(base_frame="base_link"))
    assert drive.base_frame == "base_link"
    assert drive.frames[0].T_map_base == pytest.approx(pose_from_yaw(5, 0, 0.5, 0))
    with pytest.raises(DatasetError, match="it moves 'base_footprint', which no static transform connects"):
        read_bag(path, options=BagOptions(base_frame="rear_axle"))


def test_a_mount_of_the_options_connects_two_base_frames_too(tmp_path: Path) -> None:
    path = write(tmp_path, ("/odom", odometry(5 * MS, "base_footprint")), ("/points", scan(5 * MS, "base_link")))
    mounts = ("base_footprint 0 0 -0.5 0 0 0",)
    drive = read_bag(path, options=BagOptions(base_frame="base_link", sensor_mounts=mounts))
    assert drive.frames[0].T_map_base == pytest.approx(pose_from_yaw(5, 0, 0.5, 0))
    with pytest.raises(DatasetError, match="or give --sensor-mount 'base_footprint x y z roll pitch yaw'"):
        read_bag(path, options=BagOptions(base_frame="base_link"))


def test_an_empty_child_frame_is_the_base_frame() -> None:
    assert base_frame_of("") == "base_link"
    assert base_frame_of("", "chassis") == "chassis"
    assert base_frame_of("/base_footprint", "chassis") == "base_footprint"


def test_scans_in_the_map_frame_are_refused_as_registered(tmp_path: Path) -> None:
    path = write(tmp_path, ("/odom", odometry(5, "base_link")), ("/points", scan(5, "odom")))
    with pytest.raises(DatasetError, match=r"in the frame 'odom', in which the vehicle moves: .* already registered"):
        read_bag(path)


def camera_items(image_topic: str, info_topic: str) -> list[tuple[str, Any]]:
    info = messages.camera_info(5, MountedCamera("base_link", PinholeCamera(64, 32, K), np.eye(4)))
    return [(info_topic, info), (image_topic, messages.image(5, "base_link", np.zeros((32, 64, 3), np.uint8)))]


def test_the_only_camera_info_of_a_namespace_is_used_whatever_its_name(tmp_path: Path) -> None:
    assert list(read_bag(write(tmp_path, *camera_items("/cam/image", "/cam/info"))).cameras) == ["base_link"]


def test_a_camera_info_elsewhere_is_named_and_can_be_chosen(tmp_path: Path) -> None:
    path = write(tmp_path, *camera_items("/cam/image", "/calibration"))
    with pytest.raises(DatasetError, match="choose one with --camera-info-topic: /calibration"):
        read_bag(path, needs=("images",))
    chosen = BagTopics(images=("/cam/image",), camera_infos=("/calibration",))
    assert list(read_bag(path, chosen).cameras) == ["base_link"]


def test_calibration_comes_from_a_file_or_another_bag(tmp_path: Path) -> None:
    info, image = camera_items("/cam/image", "/cam/camera_info")
    blind, other = write(tmp_path, image, name="blind.mcap"), write(tmp_path, info, name="other.mcap")
    file = tmp_path / "camera.yaml"
    file.write_text(f"---\nimage_width: 64\nimage_height: 32\ncamera_matrix: {{data: {K.ravel().tolist()}}}\nnote: x\n")
    for entry in (str(other), str(file), f"/cam/image={file}"):
        camera = read_bag(blind, options=BagOptions(calibration=(entry,))).cameras["base_link"].camera
        assert (camera.width, camera.height) == (64, 32)


def test_a_mount_is_written_and_read_in_both_forms() -> None:
    assert parse_mount(format_mount("lidar", LIDAR))[1] == pytest.approx(LIDAR)
    assert parse_mount("lidar: 1, 0, 2, 0, 0, 0")[1] == pytest.approx(LIDAR)
    assert SensorMounts(["/lidar 1 0 2 0 0 0"]).lookup("base_link", "lidar") == pytest.approx(LIDAR)
    with pytest.raises(PoseError, match=r"mount 'lidar 1 0 2' cannot be read \(3 numbers\): write FRAME x y z qx"):
        parse_mount("lidar 1 0 2")
