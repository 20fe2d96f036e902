# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses of ROS messages."""

from types import SimpleNamespace

import pytest

from liploc_ros.datasets.pose_message import pose_of_stamped_transform
from liploc_ros.geometry import PoseError


def stamped_transform(parent, child):
    transform = SimpleNamespace(
        translation=SimpleNamespace(x=1.0, y=2.0, z=3.0), rotation=SimpleNamespace(x=0.0, y=0.0, z=0.0, w=1.0)
    )
    return SimpleNamespace(header=SimpleNamespace(frame_id=parent), child_frame_id=child, transform=transform)


def test_a_transform_has_the_position_of_its_child_frame():
    assert list(pose_of_stamped_transform(stamped_transform("base_link", "camera"))[:3, 3]) == [1, 2, 3]


@pytest.mark.parametrize(("parent", "child"), [("base_link", "base_link"), ("", "camera"), ("base_link", "/base_link")])
def test_a_transform_without_two_frames_is_refused(parent, child):
    with pytest.raises(PoseError, match="are not two names"):
        pose_of_stamped_transform(stamped_transform(parent, child))
