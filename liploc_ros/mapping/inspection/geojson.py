# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The path of a map as GeoJSON (RFC 7946)."""

import json

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry.geodesy import GeodeticDatum
from liploc_ros.mapping.lidar_map import LidarMap
from liploc_ros.mapping.tile_manifest import MapError

DECIMALS = 8  # of a degree: a millimetre


def path_to_geojson(lidar_map: LidarMap, datum: GeodeticDatum | None = None) -> str:
    """Return the path as a MultiLineString with a line for each piece without gaps.

    Args:
        lidar_map: the map.
        datum: where the map frame is on earth; that of the map if left out.

    Raises:
        MapError: neither is known.
    """
    datum = datum or lidar_map.manifest.geodetic_datum
    if datum is None:
        raise MapError(
            f"{lidar_map.path or 'map'}: where it is on earth is not known ({lidar_map.manifest.datum}): give "
            "--latitude, --longitude and --heading of the map frame"
        )
    lines = [_rounded(datum.geodetic(piece)) for piece in _pieces(lidar_map)]
    manifest = lidar_map.manifest
    feature = {
        "type": "Feature",
        "geometry": {"type": "MultiLineString", "coordinates": lines},
        "properties": {
            "sources": [source.name for source in manifest.sources],
            "places": manifest.places,
            "path_length": round(manifest.path_length, 1),
            "model": manifest.model_name,
        },
    }
    return json.dumps({"type": "FeatureCollection", "features": [feature]}, indent=1) + "\n"


def _pieces(lidar_map: LidarMap) -> list[NDArray[np.float64]]:
    """Return positions (N, 3) [m] on the path, of stations that follow one another, at least two each."""
    lattice, config = lidar_map.lattice, lidar_map.manifest.config
    on_path = np.flatnonzero(lattice.lateral == 0)
    on_path = on_path[np.argsort(lattice.station[on_path], kind="stable")]
    positions, station = lidar_map.T_map_base[on_path, :3, 3], lattice.station[on_path]
    apart = np.linalg.norm(np.diff(positions, axis=0), axis=1) > config.max_gap
    pieces = np.split(positions, np.flatnonzero((np.diff(station) > 1) | apart) + 1)
    return [piece for piece in pieces if len(piece) > 1]


def _rounded(geodetic: NDArray[np.float64]) -> list[list[float]]:
    """Return longitude, latitude and altitude of each position (N, 3)."""
    return [[round(lon, DECIMALS), round(lat, DECIMALS), round(alt, 3)] for lat, lon, alt in geodetic.tolist()]
