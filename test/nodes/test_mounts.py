# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Mounts of the sensors, from the parameter and from transforms."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy")

from geometry_msgs.msg import TransformStamped

from liploc_ros.datasets.mounts import format_mount, parse_mount
from liploc_ros.geometry import pose_from
from liploc_ros.nodes.common.mounts import MountError, Mounts
from liploc_ros.nodes.common.transforms import TransformBuffer


def test_an_invalid_transform_is_ignored_and_named():
    warned = []
    transforms = TransformBuffer(SimpleNamespace(warn=lambda key, line: warned.append(line)))
    bad, good = TransformStamped(child_frame_id="broken"), TransformStamped(child_frame_id="camera")
    bad.transform.rotation.w, good.header.frame_id = 0.0, "base_link"
    transforms.add(SimpleNamespace(transforms=[bad, good]))
    assert np.allclose(Mounts((), transforms).lookup("base_link", "camera"), np.eye(4))
    assert "'broken' is ignored" in warned[0]


def test_the_parameter_takes_precedence_over_transforms():
    transforms = TransformBuffer()
    item = TransformStamped(child_frame_id="camera")
    item.header.frame_id = "base_link"
    transforms.add(SimpleNamespace(transforms=[item]))
    assert Mounts(["camera 1 2 3 0 0 0"], transforms).lookup("base_link", "camera")[0, 3] == 1.0


def test_writing_and_reading_a_mount_gives_the_same_pose(rng):
    quaternion = rng.normal(size=4)
    T = pose_from(rng.normal(size=3), quaternion / np.linalg.norm(quaternion))
    frame, read = parse_mount(format_mount("camera", T))
    assert frame == "camera"
    assert np.allclose(read, T, atol=1e-7)


def test_a_mount_can_have_roll_pitch_and_yaw():
    _, T = parse_mount("lidar: 1 2 3 0 0 1.5707963")
    assert np.allclose(T[:3], [[0, -1, 0, 1], [1, 0, 0, 2], [0, 0, 1, 3]], atol=1e-6)


@pytest.mark.parametrize("entry", ["", "camera", "camera 1 2 3", "camera a b c d e f", "camera 0 0 0 0 0 0 2"])
def test_a_mount_that_cannot_be_read_is_refused(entry):
    with pytest.raises(MountError, match="write FRAME x y z qx qy qz qw"):
        Mounts([entry])


@pytest.mark.parametrize("transforms", [None, TransformBuffer()])
def test_an_unknown_mount_names_both_frames_and_the_remedy(transforms):
    with pytest.raises(MountError, match=r"'camera' in 'base_link' .* sensor_mounts"):
        Mounts((), transforms).lookup("base_link", "camera")
