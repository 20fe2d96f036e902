# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Images and scans in separate frames, as in bags, are combined to complete frames."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.kitti_maker import make_drive

from liploc_ros.datasets import DatasetError, Drive, Frame, open_drive, read_kitti_raw
from liploc_ros.datasets.kitti.to_bag import write_kitti_bag
from liploc_ros.geometry import MountedCamera, PinholeCamera, pose_from_yaw, transform_points

MS = 1_000_000
CAMERA = MountedCamera("camera", PinholeCamera(64, 32, np.array([[40.0, 0, 32], [0, 40, 16], [0, 0, 1]])), np.eye(4))
stamps_ms = st.lists(st.integers(0, 2000), min_size=1, max_size=20, unique=True).map(sorted)


def separate_drive(images_ms: list[int], scans_ms: list[int]) -> Drive:
    frames = [Frame(t * MS, pose_from_yaw(t, 0, 0, 0), {"camera": lambda t=t: t}) for t in images_ms]
    frames += [
        Frame(t * MS, pose_from_yaw(t, 0, 0, 0), {}, lambda t=t: np.array([[0, 0, 0, t]], "f4")) for t in scans_ms
    ]
    frames.sort(key=lambda frame: frame.stamp_ns)
    return Drive("separate", Path("separate.mcap"), frames, {"camera": CAMERA}, np.eye(4))


def pairs(drive: Drive) -> list[tuple[int, int]]:
    try:
        return [(f.images["camera"](), int(f.read_points()[0, 3])) for f in drive.complete().frames]
    except DatasetError:
        return []


def test_a_scan_is_assigned_to_the_nearest_image_within_half_the_scan_period():
    assert pairs(separate_drive([0, 33, 66, 100, 133], [10, 110])) == [(0, 10), (100, 110)]
    assert pairs(separate_drive([0, 200], [10, 60, 110])) == [(0, 10)]


def test_an_image_60_ms_away_is_assigned_and_one_61_ms_away_is_not():
    assert pairs(separate_drive([60], [0, 1000])) == [(60, 0)]
    assert pairs(separate_drive([61], [0, 1000])) == []


@given(stamps_ms, stamps_ms)
def test_pairs_equal_those_of_an_exhaustive_search(images, scans):
    limit = min(60, np.median(np.diff(scans)) / 2) if len(scans) > 1 else 60
    nearest = [(abs(scan - min(images, key=lambda t: (abs(t - scan), t))), scan) for scan in scans]
    expected = {}
    for distance, scan in sorted(nearest):
        if distance <= limit:
            expected.setdefault(min(images, key=lambda t: (abs(t - scan), t)), scan)
    assert pairs(separate_drive(images, scans)) == sorted(expected.items())


def test_points_are_transformed_to_the_lidar_pose_at_the_time_of_the_image():
    frame = separate_drive([50], [0]).complete().frames[0]
    assert frame.stamp_ns == 50 * MS and frame.T_map_base[0, 3] == 50
    assert frame.read_points()[0].tolist() == [-50, 0, 0, 0]


def test_images_with_the_same_stamp_stay_together_with_the_first_camera_first():
    drive = separate_drive([0, 100], [10, 110])
    right = [Frame(t * MS, np.eye(4), {"right": lambda: 0}) for t in (0, 9)]
    stereo = Drive("s", drive.source, [*right, *drive.frames], {"camera": CAMERA, "right": CAMERA}, np.eye(4))
    assert [list(frame.images) for frame in stereo.complete().frames] == [["camera", "right"], ["camera"]]


def test_frames_with_image_and_scan_are_not_paired_again(tmp_path):
    folder = make_drive(tmp_path)
    (folder / "image_02/data/0000000002.png").unlink()
    assert len(read_kitti_raw(folder).complete().frames) == 5


@pytest.mark.parametrize("every", [1, 2])
def test_a_bag_of_a_complete_drive_has_the_frames_of_the_drive(tmp_path, every):
    drive = read_kitti_raw(make_drive(tmp_path, frames=8, every=every))
    write_kitti_bag(drive, tmp_path / "drive.mcap")
    bag = open_drive(tmp_path / "drive.mcap")
    complete, scans = bag.complete().frames, list(bag.scans())
    assert len(complete) == len(drive.frames)
    for frame, scan, original in zip(complete, scans, drive.frames, strict=True):
        assert frame.stamp_ns == original.stamp_ns
        assert {name: read().tolist() for name, read in frame.images.items()} == {
            name: read().tolist() for name, read in original.images.items()
        }
        points_in_map = [transform_points(f.T_map_base @ bag.T_base_lidar, f.read_points()) for f in (frame, scan)]
        assert points_in_map[0] == pytest.approx(points_in_map[1], abs=1e-3)
        assert np.array_equal(frame.read_points()[:, 3], original.read_points()[:, 3])


def test_images_and_scans_at_different_times_make_no_frame(demo_drive):
    with pytest.raises(DatasetError, match=r"no frame has an image, a scan and a pose.* 60 ms of an image"):
        demo_drive.complete()
