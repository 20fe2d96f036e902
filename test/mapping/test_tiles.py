# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tiles: how exactly they hold poses, where they are cut, and maps made of some of them."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.clouds import Clouds, decode_cloud, encode_cloud
from liploc_ros.mapping.editing.map_folder import read_tiles
from liploc_ros.mapping.lattice import PlaceLattice, tile_numbers
from liploc_ros.mapping.manifest import read_manifest, write_manifest
from liploc_ros.mapping.tiles.tile import KEYFRAME, Tile, read_tile, write_tile

FORMAT_4 = Path(__file__).parent / "formats" / "format_4"


def test_poses_are_exact_to_a_tenth_of_a_millimetre_and_a_microradian(tmp_path):
    """Vehicles that drive west, and far from the origin of the map."""
    yaw = np.concatenate([np.linspace(np.pi - 1e-3, np.pi + 1e-3, 50), np.linspace(-np.pi, np.pi, 50)])
    T = np.tile(np.eye(4), (len(yaw), 1, 1))
    T[:, :3, :3] = Rotation.from_euler("ZYX", np.stack([yaw, 0.02 * yaw, -0.01 * yaw], axis=1)).as_matrix()
    T[:, :3, 3] = np.array([321_000.123, -5_400_000.456, 312.789]) + np.linspace([0, 0, 0], [900, -400, 20], len(yaw))
    places = T, np.arange(len(yaw)) + 4_000_000, np.zeros(len(yaw))
    features = np.zeros((len(yaw), 8, 144, 32), np.int8)
    tile = Tile(*places, features, None, np.zeros(0, KEYFRAME), Clouds())
    entry = write_tile(tmp_path / "000000", tile, 4, None)
    read = read_tile(tmp_path / "000000", entry, read_manifest(FORMAT_4).layout)
    assert np.abs(read.T_map_base[:, :3, 3] - T[:, :3, 3]).max() < 1e-4
    assert np.abs(read.T_map_base[:, :3, :3] - T[:, :3, :3]).max() < 1e-6
    assert np.array_equal(read.station, tile.station) and (tmp_path / "000000/places.npy").stat().st_size < 33 * 104


def test_tiles_are_cut_by_length_between_stations_and_between_sessions():
    station = np.array([0, 0, 1, 1, 2, 3, 10, 11])
    x = np.array([0, 0, 400, 400, 800, 1200, 5000, 5400.0])
    positions = np.stack([x, np.zeros(8), np.zeros(8)], axis=1)
    assert tile_numbers(positions, station, 1000).tolist() == [0, 0, 0, 0, 0, 1, 2, 2]


def test_tiles_that_do_not_follow_one_another_have_no_common_neighbours_and_take_no_memory_between_them():
    lattice = PlaceLattice(np.array([0, 1, 2, 40_000_000, 40_000_001]), np.zeros(5))
    assert lattice.with_neighbours(np.array([2]))[0].tolist() == [2, 1, -1, -1, -1]
    assert lattice.with_neighbours(np.array([3]))[0].tolist() == [3, -1, 4, -1, -1]
    assert lattice._rows.size < 100


def test_a_map_of_one_tile_has_its_global_stations(bundle):
    manifest = read_manifest(FORMAT_4)
    second = LidarMap.of_tiles(manifest, list(read_tiles(FORMAT_4, manifest))[1:], bundle, FORMAT_4)
    assert second.lattice.station.tolist() == [101, 102] and len(second.features) == 2


def test_a_manifest_of_ten_thousand_tiles_is_read_as_it_was_written(tmp_path):
    manifest = read_manifest(FORMAT_4)
    tiles = tuple(manifest.tiles[0].model_copy(update={"name": f"{n:06d}"}) for n in range(10_000))
    write_manifest(tmp_path, manifest.model_copy(update={"tiles": tiles}))
    assert read_manifest(tmp_path).tiles == tiles


def test_points_keep_a_centimetre_in_less_than_half_of_the_bytes(demo_scan):
    stored = decode_cloud(encode_cloud(demo_scan))
    assert len(stored) == len(demo_scan) and np.abs(stored - demo_scan).max() < 0.0051
    assert len(encode_cloud(demo_scan)) < 3 * len(demo_scan)


@pytest.mark.parametrize("cloud", [np.zeros((0, 4)), np.array([[np.nan, 0, 0, 0], [1, 2, 3, np.nan], [900, 0, 0, 1]])])
def test_points_that_cannot_be_stored_are_left_out(cloud):
    assert len(decode_cloud(encode_cloud(cloud))) == min(1, len(cloud))
