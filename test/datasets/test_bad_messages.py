# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""One bad message does not end the import of a recording. It is left out and counted."""

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rosbags.rosbag2 import StoragePlugin, Writer
from support.bag_maker import write_bag

from liploc_ros.datasets import DatasetError, read_bag
from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.bag.messages import TYPES
from liploc_ros.datasets.pose_message import pose_of
from liploc_ros.geometry import CameraError, MountedCamera, PinholeCamera, PoseError, pose_from_yaw

K = np.array([[40.0, 0, 32], [0, 40, 16], [0, 0, 1]])
POINTS = np.array([[5, 0, 0, 0.5], [5, 1, 0, 1]], np.float32)
MS = 1_000_000


def odometry(stamp_ns: int, x: float = 0.0, child: str = "base_link") -> Any:
    return messages.odometry(stamp_ns, "odom", child, pose_from_yaw(x, 0, 0, 0), np.zeros(6), [1.0] * 12)


def scan(stamp_ns: int, frame_id: str = "base_link") -> Any:
    return messages.point_cloud(stamp_ns, frame_id, POINTS)


def drive_of(tmp_path: Path, items: list[tuple[str, Any]], **options: Any) -> Any:
    stamped = [(topic, (i + 1) * MS, msg) for i, (topic, msg) in enumerate(items)]
    return read_bag(write_bag(tmp_path / "bag.mcap", stamped), **options)


@pytest.mark.parametrize("quaternion", [(0.0, 0.0, 0.0, 0.0), (float("nan"), 0.0, 0.0, 1.0), (0.0, 0.0, 0.0, 2.0)])
def test_odometry_with_an_invalid_quaternion_is_left_out_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, quaternion: tuple[float, ...]
) -> None:
    bad = odometry(1 * MS)
    bad.pose.pose.orientation = messages.MESSAGES["geometry_msgs/msg/Quaternion"](*quaternion)
    drive = drive_of(tmp_path, [("/odom", bad), ("/odom", odometry(2 * MS)), ("/points", scan(2 * MS))])
    assert [frame.T_map_base is None for frame in drive.frames] == [False]
    assert "/odom: 1 of 2 left out, first at 0.001 s: quaternion" in caplog.text


def test_a_null_quaternion_of_an_unused_frame_does_not_matter(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    static = messages.transforms(0, "base_link", {"gps": np.eye(4), "lidar": pose_from_yaw(1, 0, 2, 0)})
    static.transforms[0].transform.rotation.w = 0.0
    items = [("/tf_static", static), ("/odom", odometry(2 * MS)), ("/points", scan(2 * MS, "lidar"))]
    assert drive_of(tmp_path, items).T_base_lidar[:3, 3].tolist() == [1, 0, 2]
    assert "/tf_static gps: 1 of 1 left out" in caplog.text


def test_a_message_that_cannot_be_deserialized_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        topics = {
            t: writer.add_connection(t, m.__msgtype__, typestore=TYPES)
            for t, m in [("/odom", odometry(0)), ("/points", scan(0))]
        }
        writer.write(topics["/odom"], 1, TYPES.serialize_cdr(odometry(2), "nav_msgs/msg/Odometry"))
        writer.write(topics["/points"], 2, b"\x00\x01\x00\x00\xff\xff")
        writer.write(topics["/points"], 3, TYPES.serialize_cdr(scan(2), "sensor_msgs/msg/PointCloud2"))
    assert len(read_bag(tmp_path / "bag").frames) == 1
    assert "/points: 1 of 2 left out" in caplog.text


def test_the_first_usable_camera_info_and_the_first_frame_id_count(tmp_path: Path) -> None:
    empty = messages.camera_info(1, MountedCamera("", PinholeCamera(64, 32, K), np.eye(4)))
    empty.k, empty.p = np.zeros(9), np.zeros(12)
    good = messages.camera_info(2, MountedCamera("camera", PinholeCamera(64, 32, K), np.eye(4)))
    images = [messages.image(t, frame, np.zeros((32, 64, 3), np.uint8)) for t, frame in ((1, ""), (2, "base_link"))]
    items = [
        ("/c/camera_info", empty),
        ("/c/image_raw", images[0]),
        ("/c/camera_info", good),
        ("/c/image_raw", images[1]),
    ]
    drive = drive_of(tmp_path, items)
    assert list(drive.cameras) == ["base_link"] and len(drive.frames) == 2


def test_a_camera_without_any_usable_camera_info_is_refused_with_the_reason(tmp_path: Path) -> None:
    info = messages.camera_info(1, MountedCamera("base_link", PinholeCamera(64, 32, K), np.eye(4)))
    info.k, info.p = np.zeros(9), np.zeros(12)
    items = [
        ("/c/camera_info", info),
        ("/c/image_raw", messages.image(1, "base_link", np.zeros((32, 64, 3), np.uint8))),
    ]
    with pytest.raises(CameraError, match="K and P are all zero"):
        drive_of(tmp_path, items)


def test_scans_of_another_frame_on_the_same_topic_are_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drive = drive_of(tmp_path, [("/points", scan(1)), ("/points", scan(2, "rear")), ("/points", scan(3))])
    assert len(drive.frames) == 2
    assert "its frame is 'rear', that of earlier messages 'base_link'" in caplog.text


def test_frames_without_a_pose_are_counted_with_the_cause(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    now = 1_317_042_651_000 * MS
    drive = drive_of(tmp_path, [("/odom", odometry(now)), ("/points", scan(637_000 * MS))])
    assert "1 of 1 scans have no pose: the clocks differ by 41.7 years" in caplog.text
    assert "--stamps recorded" in drive.pose_problem


def test_odometry_that_is_all_bad_is_refused(tmp_path: Path) -> None:
    bad = odometry(1)
    bad.pose.pose.position.x = float("inf")
    with pytest.raises(DatasetError, match=r"/odom has no usable message: position \[inf, 0.0, 0.0\] is not finite"):
        drive_of(tmp_path, [("/odom", bad), ("/points", scan(1))], needs=("points", "odometry"))


def test_quaternions_are_normalized_within_the_tolerance_of_tf2() -> None:
    def message(w: float) -> SimpleNamespace:
        zero = SimpleNamespace(x=0.0, y=0.0, z=0.0)
        return SimpleNamespace(position=zero, orientation=SimpleNamespace(x=0.0, y=0.0, z=0.0, w=w))

    assert pose_of(message(1.009)) == pytest.approx(np.eye(4))
    with pytest.raises(PoseError, match=r"norm 1\.02 instead of 1"):
        pose_of(message(1.02))


def test_stamps_that_are_zero_are_replaced_by_the_time_of_recording(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    drive = drive_of(tmp_path, [("/points", scan(0))])
    assert [frame.stamp_ns for frame in drive.frames] == [MS]
    assert "1 messages have no stamp" in caplog.text
    assert logging.getLogger("liploc_ros").level == logging.NOTSET
