# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Interpolated poses, and static transforms."""

import re

import numpy as np
import pytest
from scipy.spatial.transform import Rotation, Slerp

from liploc_ros.datasets import DatasetError
from liploc_ros.datasets.missing_poses import explain_missing_poses
from liploc_ros.datasets.trajectory import PoseLimits, Trajectory
from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.geometry import inverse, pose_from, pose_from_yaw, yaw_of

SECOND = 1_000_000_000
EPOCH = 1_317_042_651 * SECOND


def random_pose(rng: np.random.Generator) -> np.ndarray:
    return pose_from(rng.normal(size=3), rng.normal(size=4))


def test_interpolated_poses_equal_those_of_scipy() -> None:
    rng = np.random.default_rng(0)
    stamps = np.sort(rng.choice(10**9, 20, replace=False))
    poses = [random_pose(rng) for _ in stamps]
    trajectory = Trajectory(map(int, stamps), poses)
    slerp = Slerp(stamps - stamps[0], Rotation.from_matrix([T[:3, :3] for T in poses]))
    for stamp in rng.integers(stamps[0], stamps[-1], 50):
        T = trajectory.at(int(stamp))
        assert T is not None
        expected = [np.interp(stamp, stamps, [p[i, 3] for p in poses]) for i in range(3)]
        assert T[:3, 3] == pytest.approx(expected)
        assert T[:3, :3] == pytest.approx(slerp(stamp - stamps[0]).as_matrix(), abs=1e-6)


def test_late_poses_are_sorted_and_repeated_stamps_replace() -> None:
    trajectory = Trajectory()
    for stamp, x in [(0, 0.0), (300, 3.0), (100, 1.0), (200, 9.0), (200, 2.0)]:
        trajectory.append(stamp, pose_from_yaw(x, 0, 0, 0))
    assert len(trajectory) == 4
    found = [trajectory.at(stamp) for stamp in (0, 50, 100, 150, 200, 250, 300)]
    assert [T[0, 3] for T in found if T is not None] == pytest.approx([0, 0.5, 1, 1.5, 2, 2.5, 3])


def test_motion_is_extrapolated_for_one_step() -> None:
    trajectory = Trajectory([0, 100], [pose_from_yaw(0, 0, 0, 0), pose_from_yaw(1, 0, 0, 0.1)])
    before, after, later = trajectory.at(-50), trajectory.at(200), trajectory.at(250)
    assert before is not None
    assert after is not None
    assert before[0, 3] == pytest.approx(-0.5, abs=0.01)
    assert yaw_of(before) == pytest.approx(-0.05)
    assert yaw_of(after) == pytest.approx(0.2)
    assert np.array_equal(after, later)


def test_there_is_no_pose_beyond_the_tolerance() -> None:
    trajectory = Trajectory([0, 10 * SECOND], [np.eye(4), np.eye(4)])
    assert trajectory.at(5 * SECOND) is None
    assert trajectory.at(-SECOND) is None
    assert trajectory.at(10 * SECOND + 1) is not None
    assert Trajectory().at(0) is None
    assert Trajectory([0], [np.eye(4)]).at(1) is not None


def test_poses_before_a_time_can_be_removed() -> None:
    trajectory = Trajectory([0, 1, 2, 3], [np.eye(4)] * 4)
    trajectory.forget_before(2)
    assert len(trajectory) == 2
    assert not trajectory.covers(1)
    assert trajectory.covers(2)


def test_a_chain_of_transforms_is_multiplied_in_both_directions() -> None:
    rng = np.random.default_rng(1)
    T_base_mast, T_mast_camera, T_base_lidar = (random_pose(rng) for _ in range(3))
    tree = StaticTransforms()
    tree.add("base_link", "mast", T_base_mast)
    tree.add("mast", "/camera", T_mast_camera)
    tree.add("base_link", "lidar", T_base_lidar)
    assert tree.lookup("base_link", "camera") == pytest.approx(T_base_mast @ T_mast_camera)
    assert tree.lookup("camera", "lidar") == pytest.approx(inverse(T_base_mast @ T_mast_camera) @ T_base_lidar)
    assert np.array_equal(tree.lookup("anything", "anything"), np.eye(4))


def test_unconnected_frames_are_refused_with_the_known_frames() -> None:
    tree = StaticTransforms()
    tree.add("base_link", "lidar", np.eye(4))
    with pytest.raises(DatasetError, match=r"'camera' to 'base_link' .*known frames: base_link, lidar"):
        tree.lookup("base_link", "camera")


def test_poses_at_1_hz_are_interpolated_up_to_a_time_and_a_distance() -> None:
    poses = [pose_from_yaw(x, 0, 0, 0) for x in (0.0, 14.0, 60.0)]
    trajectory = Trajectory([0, SECOND, 2 * SECOND], poses)
    middle = trajectory.at(SECOND // 2)
    assert middle is not None and middle[0, 3] == pytest.approx(7)
    assert trajectory.at(3 * SECOND // 2) is None  # 46 m
    assert Trajectory([0, SECOND], poses[:2], PoseLimits(max_gap=0.5)).at(SECOND // 2) is None


@pytest.mark.parametrize(
    ("stamps", "cause", "words"),
    [
        (
            [637 * SECOND],
            "clocks",
            "differ by 41.* years: they begin at 637.0 s, which is not a date, and /odom at 2011-",
        ),
        ([EPOCH - 3 * SECOND], "ends", "they are 3.00 s before /odom begins"),
        ([EPOCH + 5 * SECOND], "gap", "gaps of up to 10.0 s and 0.0 m"),
    ],
)
def test_missing_poses_are_explained_by_their_cause(stamps: list[int], cause: str, words: str) -> None:
    trajectory = Trajectory([EPOCH, EPOCH + 10 * SECOND], [np.eye(4)] * 2)
    found = explain_missing_poses(trajectory, stamps, "/odom")
    assert found.cause == cause and re.search(words, found.reason)
