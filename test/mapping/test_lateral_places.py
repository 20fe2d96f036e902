# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Places beside the path: where the road is free, and their neighbours."""

from pathlib import Path

import numpy as np
import pytest

from liploc_ros.geometry import pose_from_yaw
from liploc_ros.mapping import LidarMap, MapConfig
from liploc_ros.mapping.free_space import free_offsets
from liploc_ros.mapping.lattice import PlaceLattice
from liploc_ros.mapping.places import places_along
from liploc_ros.views import Scan

OFFSETS = MapConfig(lateral_reach=4, lateral_spacing=1).lateral_offsets
LIDAR = np.array([0, 0, 1.7])


def road(left, right):
    """A scan of flat road between two lateral distances, taken 1.7 m above it."""
    x, y = np.meshgrid(np.arange(-10, 10, 0.4), np.arange(right, left, 0.2))
    return np.column_stack([x.ravel(), y.ravel(), np.full(x.size, -1.7), np.zeros(x.size)]).astype(np.float32)


def box(x, y):
    """Points of something that stands on the road."""
    return np.column_stack(
        [*(g.ravel() for g in np.meshgrid(x, y, np.linspace(-1.6, 0, 8))), np.zeros(8 * len(x) * len(y))]
    )


def free(points, T_map_base=None):
    T_map_base = np.eye(4) if T_map_base is None else T_map_base
    T_base_lidar = np.eye(4)
    T_base_lidar[:3, 3] = LIDAR
    return OFFSETS[free_offsets([Scan(points, T_map_base @ T_base_lidar)], T_map_base, LIDAR, OFFSETS)].tolist()


def test_places_are_where_there_is_road_and_nothing_stands():
    assert free(road(5, -2.9)) == [-3, -2, -1, 0, 1, 2, 3, 4]
    parked = np.concatenate([road(5, -5), box([-0.5, 0.5], [2.0, 3.2])])
    assert free(parked) == free(parked, pose_from_yaw(30, -8, 2, 1.0)) == [-4, -3, -2, -1, 0, 1]
    assert free(np.concatenate([road(5, -5), box([6.0], [2.0])])) == OFFSETS.tolist()


@pytest.mark.parametrize("points", [np.zeros((0, 4), np.float32), np.full((9, 4), np.nan, np.float32)])
def test_without_points_only_the_path_is_free(points):
    assert free(points) == [0]


def test_lateral_places_lie_to_the_left_and_right_of_their_station():
    path = np.stack([pose_from_yaw(0, y, 0, np.pi / 2) for y in range(11)])
    on_path = places_along(path, path[::10], MapConfig())
    places = on_path.with_lateral_places(OFFSETS, lambda station: (0 if station == 3 else -1) <= OFFSETS)
    assert np.allclose(places.T_map_base[:, 0, 3], -places.lateral) and np.allclose(
        places.T_map_base[:, 1, 3], on_path.T_map_base[places.station, 1, 3]
    )
    assert places.lateral[places.station == 3].tolist() == [0, 1, 2, 3, 4]
    assert places.drawn_from(7) == on_path.drawn_from(int(places.station[7]))


def test_neighbours_are_one_station_or_one_offset_away():
    station, lateral = np.array([0, 0, 1, 2, 2, 2]), np.array([0.0, 1, 0, -1, 0, 1])
    lattice = PlaceLattice(station, lateral)
    assert [sorted(row[row >= 0].tolist()) for row in lattice.with_neighbours(np.arange(6))] == [
        [0, 1, 2],
        [0, 1],
        [0, 2, 4],
        [3, 4],
        [2, 3, 4, 5],
        [4, 5],
    ]
    assert (lattice.stations, lattice.spacing) == (3, 1.0) and PlaceLattice.along_path(4).spacing == 0


def test_places_of_joined_maps_are_no_neighbours():
    joined = PlaceLattice.joined([PlaceLattice.along_path(3), PlaceLattice.along_path(2)])
    neighbours = joined.with_neighbours(np.array([2, 3]))
    assert sorted(neighbours[0][neighbours[0] >= 0]) == [1, 2] and sorted(neighbours[1][neighbours[1] >= 0]) == [3, 4]


def test_a_map_of_format_2_has_places_on_the_path_only():
    """Format 2 stored poses alone, and had no setting for places beside the path."""
    loaded = LidarMap.load(Path(__file__).parent / "formats" / "format_2")
    assert loaded.lattice.stations == len(loaded.features) and loaded.manifest.config.lateral_reach == 0
