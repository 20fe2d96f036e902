# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The base frame of the vehicle, and its poses from odometry of other frames."""

import numpy as np
import pytest

from liploc_ros.datasets.base_frame import BaseFrame
from liploc_ros.datasets.pose_message import OdometryPose
from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.geometry import PoseError, pose_from_yaw


@pytest.fixture
def transforms():
    transforms = StaticTransforms()
    transforms.add("base_footprint", "base_link", pose_from_yaw(0, 0, 0.3, 0))
    return transforms


def odometry(child, T=np.eye(4)):  # noqa: B008  never changed
    return OdometryPose("odom", child, T)


@pytest.mark.parametrize(("wanted", "name"), [("", "base_link"), ("car", "car")])
@pytest.mark.parametrize(
    ("child", "problem"), [("", "the child_frame_id is empty"), (None, "messages name no child frame")]
)
def test_an_empty_child_frame_stands_for_the_wanted_frame_with_one_warning(transforms, wanted, name, child, problem):
    warnings = []
    base = BaseFrame(wanted, transforms.lookup, warnings.append)
    for _ in range(2):
        assert np.array_equal(base.pose(odometry(child), "/odom"), np.eye(4))
    assert base.name == name
    assert warnings == [f"/odom: {problem}: the poses are taken as those of {name!r}"]


def test_the_first_child_frame_is_the_base_frame_if_none_is_wanted(transforms):
    base = BaseFrame("", transforms.lookup, pytest.fail)
    assert np.array_equal(base.pose(odometry("base_footprint"), "/odom"), np.eye(4))
    assert base.name == "base_footprint"


def test_odometry_of_a_frame_that_is_fixed_to_the_base_frame_is_converted(transforms):
    base = BaseFrame("base_link", transforms.lookup, pytest.fail)
    T_odom_base = base.pose(odometry("base_footprint", pose_from_yaw(5, 1, 0, 0.5)), "/odom")
    assert np.allclose(T_odom_base, pose_from_yaw(5, 1, 0.3, 0.5))


def test_odometry_of_an_unconnected_frame_is_refused_with_both_names(transforms):
    with pytest.raises(PoseError, match="odometry of the frame 'trailer', but the base frame is 'base_link'"):
        BaseFrame("base_link", transforms.lookup, pytest.fail).pose(odometry("trailer"), "/odom")
