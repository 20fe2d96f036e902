# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Latitude and longitude of positions in a map frame."""

import numpy as np
import pytest
from support.kitti_maker import make_drive

from liploc_ros.datasets.kitti.oxts import read_oxts
from liploc_ros.datasets.open import open_drive
from liploc_ros.geometry.geodesy import GeodeticDatum


def test_a_degree_of_latitude_and_of_longitude_have_their_lengths_on_wgs_84():
    datum = GeodeticDatum(latitude=49.0, longitude=8.0)
    east, north = datum.geodetic(np.array([[731.72, 0, 0], [0, 1112.10, 0]]))  # a hundredth of a degree at 49 degrees
    assert east[:2] == pytest.approx([49.0, 8.01], abs=1e-6)
    assert north[:2] == pytest.approx([49.01, 8.0], abs=1e-6)


def test_the_plane_is_above_the_ellipsoid_far_from_the_origin():
    (far,) = GeodeticDatum(latitude=49.0, longitude=8.0, altitude=100.0).geodetic(np.array([[10_000.0, 0, 0]]))
    assert far[2] == pytest.approx(100 + 10_000**2 / (2 * 6_390_000), abs=0.02)


@pytest.mark.parametrize("projection", ["tangent_plane", "mercator"])
def test_the_heading_is_that_of_the_x_axis_from_north(projection):
    for heading, moved in ((0, [1, 0]), (90, [0, 1]), (180, [-1, 0]), (270, [0, -1])):
        datum = GeodeticDatum(latitude=10, longitude=20, heading=heading, projection=projection)
        ahead, left = datum.geodetic(np.array([[100.0, 0, 0], [0, 100.0, 0]]))[:, :2] - [10, 20]
        assert np.sign(np.round(ahead, 6)).tolist() == moved
        assert np.sign(np.round(left, 6)).tolist() == [moved[1], -moved[0]]


def test_positions_of_a_kitti_drive_are_its_gps_positions(tmp_path):
    folder = make_drive(tmp_path)
    records, datum = read_oxts(folder / "oxts"), open_drive(folder).geodetic_datum
    positions = np.stack([record.T_map_base[:3, 3] for record in records])
    assert datum.geodetic(positions) == pytest.approx(np.stack([record.geodetic for record in records]), abs=1e-7)
