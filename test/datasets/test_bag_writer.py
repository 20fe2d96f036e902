# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Bags that are written, and drives that are converted to bags."""

from pathlib import Path

import numpy as np
import pytest
from rosbags.interfaces import QosDurability
from rosbags.rosbag2 import Reader
from typer.testing import CliRunner

from liploc_ros.cli.kitti import app
from liploc_ros.datasets import DatasetError, open_drive, read_kitti_raw
from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.datasets.bag.writer import BagWriter
from liploc_ros.datasets.kitti.oxts import read_oxts
from liploc_ros.datasets.kitti.to_bag import write_kitti_bag
from liploc_ros.datasets.trajectory import Trajectory
from liploc_ros.files import FileError

CAMERA = "camera_color_left_optical"


def test_a_converted_bag_has_the_data_of_its_drive(drive_folder: Path, bag_path: Path) -> None:
    drive, bag = read_kitti_raw(drive_folder), open_drive(bag_path)
    records = read_oxts(drive_folder / "oxts")
    truth = Trajectory([r.stamp_ns for r in records], [r.T_map_base for r in records])
    images, scans = list(bag.images()), list(bag.scans())
    assert len(images) == len(scans) == len(drive.frames) == 6
    for original, image, scan in zip(drive.frames, images, scans, strict=True):
        assert image.stamp_ns == original.stamp_ns
        assert image.T_map_base == pytest.approx(truth.at(image.stamp_ns), abs=1e-9)
        assert np.array_equal(image.images[CAMERA](), original.images[CAMERA]())
        assert scan.stamp_ns == original.stamp_ns - 10_000_000
        assert scan.read_points is not None
        assert original.read_points is not None
        assert np.array_equal(scan.read_points(), original.read_points())
    assert bag.T_base_lidar == pytest.approx(drive.T_base_lidar, abs=1e-6)
    assert bag.cameras[CAMERA].T_base_camera == pytest.approx(drive.cameras[CAMERA].T_base_camera, abs=1e-6)
    assert pytest.approx(drive.cameras[CAMERA].camera.K) == bag.cameras[CAMERA].camera.K
    assert (bag.base_frame, bag.lidar_frame, bag.map_frame) == ("base_link", "velo_link", "map")


def test_a_converted_bag_is_in_chronological_order_with_all_odometry_and_latched_transforms(bag_path: Path) -> None:
    with Reader(bag_path) as reader:
        stamps = [(connection.topic, stamp) for connection, stamp, _ in reader.messages()]
        durability = {c.topic: c.ext.offered_qos_profiles[0].durability for c in reader.connections}
        counts = {c.topic: c.msgcount for c in reader.connections}
    assert stamps == sorted(stamps, key=lambda item: item[1])
    assert stamps[0][0] == "/tf_static"
    assert counts["/odom"] == counts["/tf"] == 12
    assert counts["/camera_color_left/camera_info"] == counts["/camera_color_left/image_raw"] == 6
    assert durability["/tf_static"] == QosDurability.TRANSIENT_LOCAL
    assert durability["/odom"] == QosDurability.VOLATILE


def test_odometry_messages_have_frames_velocity_and_covariance(bag_path: Path) -> None:
    _, odometry = next(iter(BagFile(bag_path).messages(["/odom"])))
    assert (odometry.header.frame_id, odometry.child_frame_id) == ("odom", "base_link")
    assert odometry.twist.twist.linear.x == 10
    assert odometry.pose.covariance[0] == pytest.approx(0.3**2)
    assert np.all(odometry.pose.covariance.reshape(6, 6).diagonal() > 0)


def test_the_command_writes_the_selected_frames_and_overwrites_only_with_force(drive_folder: Path) -> None:
    out = drive_folder.parent / "chosen.mcap"
    arguments = ["to-bag", str(drive_folder), str(out), "--compressed", "--start", "1", "--end", "5", "--every", "2"]
    assert CliRunner().invoke(app, arguments).exit_code == 0
    drive = open_drive(out)
    assert len(list(drive.images())) == len(list(drive.scans())) == 2
    again = CliRunner().invoke(app, arguments)
    assert isinstance(again.exception, DatasetError)
    assert "--force" in str(again.exception)
    assert CliRunner().invoke(app, [*arguments, "--force"]).exit_code == 0


def test_after_an_error_the_previous_bag_is_the_only_file(drive_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "half.mcap"
    out.write_bytes(b"before")

    def fail(points: np.ndarray) -> np.ndarray:
        raise DatasetError("the disk was removed: connect it")

    with pytest.raises(DatasetError, match="connect it"):
        write_kitti_bag(read_kitti_raw(drive_folder), out, points_filter=fail, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["half.mcap"]
    assert out.read_bytes() == b"before"


def test_a_full_disk_is_one_line_and_leaves_no_file(tmp_path: Path) -> None:
    def fill_disk(path: Path) -> None:
        with BagWriter(path):
            raise OSError(28, "No space left on device")

    with pytest.raises(FileError, match=r"out\.mcap: cannot be written \(No space left on device\): free space"):
        fill_disk(tmp_path / "out.mcap")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("name", "complaint"), [("out.bag", r"ends in \.mcap"), ("no/out.mcap", "create it first")])
def test_a_path_that_is_not_an_mcap_in_an_existing_folder_is_refused(tmp_path: Path, name: str, complaint: str) -> None:
    with pytest.raises(DatasetError, match=complaint):
        BagWriter(tmp_path / name)
