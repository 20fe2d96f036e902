# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The places of a protocol as a map that a localizer can search."""

import numpy as np

from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.database import Database
from liploc_ros.evaluation.options import EvaluationOptions
from liploc_ros.evaluation.scene import Scene
from liploc_ros.mapping import LidarMap, MapConfig, PlaceIndex
from liploc_ros.mapping.build import describe_map
from liploc_ros.mapping.lidar_map import KEYFRAME, POINT
from liploc_ros.mapping.place_index import StoredFeatures


def map_of_places(
    scene: Scene,
    database: Database,
    features: StoredFeatures,
    index: PlaceIndex,
    bundle: ModelBundle,
    options: EvaluationOptions,
) -> LidarMap:
    """Return the places of a protocol as a map. It is not saved, and has no scans.

    Args:
        scene: the drive.
        database: the places.
        features: (P, h, columns, D) of their panoramas, as a map stores them.
        index: over them.
        bundle: the model that computed them.
        options: spacing, and scans per place.
    """
    drive = scene.drive
    x, y, z = map(float, scene.T_base_lidar[:3, 3])
    manifest = describe_map(
        bundle,
        MapConfig(place_spacing=options.place_spacing, scans_per_place=options.scans_per_place),
        map_frame=drive.map_frame,
        base_frame=drive.base_frame,
        datum=drive.datum,
        view_origin=(x, y, z),
        places=len(features),
        path_length=float(scene.distance[-1]),
    )
    return LidarMap(manifest, database.T_map_base, features, np.zeros(0, KEYFRAME), np.zeros(0, POINT), index)
