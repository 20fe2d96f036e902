# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Several recordings in one map: each is a session, and those that do not fit together are named."""

import logging
from dataclasses import replace

import numpy as np
import pytest
from support.kitti_maker import make_drive
from support.long_drive import FEW_PLACES, long_drive

from liploc_ros.datasets import open_drive
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.mapping.build import write_map
from liploc_ros.mapping.build.one_frame import in_one_frame


def test_two_recordings_are_two_sessions_whose_places_are_no_neighbours(tmp_path, bundle):
    write_map([long_drive(50, "a"), long_drive(50, "b")], bundle, tmp_path / "map", FEW_PLACES)
    written = LidarMap.load(tmp_path / "map", bundle)
    assert [source.name for source in written.manifest.sources] == ["a", "b"]
    assert written.lattice.station.tolist() == [*range(11), *range(12, 23)]  # 11 is nowhere
    assert len(written.manifest.tiles) == 2


@pytest.mark.parametrize("what", ["base_frame", "map_frame", "pose_frame"])
def test_recordings_of_different_frames_are_named(what):
    with pytest.raises(MapError, match=f"a and b cannot be in one map: {what} is '.+' and 'other'"):
        in_one_frame([long_drive(20, "a"), replace(long_drive(20, "b"), **{what: "other"})])


def test_a_recording_given_twice_is_named():
    with pytest.raises(MapError, match="a: given twice"):
        in_one_frame([long_drive(20, "a"), long_drive(20, "a")])


def test_recordings_whose_lidar_is_mounted_differently_are_named(tmp_path, bundle):
    other = replace(long_drive(20, "b"), T_base_lidar=pose_from_yaw(1, 2, 3, 0))
    with pytest.raises(MapError, match=r"b: its LiDAR is at \[1.0, 2.0, 3.0\] m in the base frame, that of a at"):
        write_map([long_drive(20, "a"), other], bundle, tmp_path / "map", FEW_PLACES)


def test_recordings_with_poses_of_odometry_are_reported(caplog):
    drives = [replace(long_drive(20, name), pose_frame="robot/odom") for name in "ab"]
    with caplog.at_level(logging.WARNING):
        in_one_frame(drives)
    assert "whose origin may differ from recording to recording" in caplog.text


def test_kitti_drives_are_converted_to_the_frame_of_the_first(tmp_path):
    first, other = (open_drive(make_drive(tmp_path / name)) for name in "ab")
    # The same places, but the origin of the second recording is 11.1 m farther north and 7.3 m farther east.
    datum = first.geodetic_datum.model_copy(update={"latitude": 49.0001, "longitude": 8.4001, "altitude": 115.8})
    moved = in_one_frame([first, replace(other, geodetic_datum=datum, name="b")])[1]
    shift = moved.frames[0].T_map_base[:3, 3] - other.frames[0].T_map_base[:3, 3]
    np.testing.assert_allclose(shift, [7.30, 11.13, 3.0], atol=0.01)
    np.testing.assert_allclose(
        first.geodetic_datum.geodetic(np.stack([f.T_map_base[:3, 3] for f in moved.frames])),
        datum.geodetic(np.stack([f.T_map_base[:3, 3] for f in other.frames])),
        atol=1e-8,
    )


def test_recordings_that_start_at_their_own_origins_are_named():
    drives = [replace(long_drive(20, name), pose_frame="", datum="first pose of the recording") for name in "ab"]
    with pytest.raises(MapError, match="a and b cannot be in one map: each has its own origin"):
        in_one_frame(drives)
