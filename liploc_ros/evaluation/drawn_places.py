# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The places of a protocol, drawn and encoded; also as a map that a localizer can search."""

from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from liploc_ros.encoders import Encoders
from liploc_ros.evaluation.database import Database
from liploc_ros.evaluation.options import EvaluationOptions
from liploc_ros.evaluation.scene import Scene
from liploc_ros.mapping import LidarMap, PlaceIndex
from liploc_ros.mapping.build import describe_map, draw_places
from liploc_ros.mapping.clouds import Clouds
from liploc_ros.mapping.feature_table import PlainFeatures
from liploc_ros.mapping.features import StoredFeatures, quantize_features
from liploc_ros.mapping.lattice import PlaceLattice
from liploc_ros.mapping.search.map_features import index_of
from liploc_ros.mapping.tiles.tile import KEYFRAME


@dataclass(frozen=True)
class DrawnPlaces:
    """What a map stores of places: the features (P, h, columns, D) of their panoramas."""

    features: StoredFeatures

    @classmethod
    def of(cls, scene: Scene, database: Database, encoders: Encoders, title: str | None = None) -> "DrawnPlaces":
        """Draw and encode the places of a protocol; a progress bar with a title is shown.

        Raises:
            LiplocError: a scan cannot be read.
        """
        total, spec = len(database.T_map_base), encoders.bundle.spec
        scans = (database.scans_of(scene, place) for place in range(total))
        drawn = draw_places(scans, database.T_map_base, scene.T_base_lidar[:3, 3], spec.grid)
        panoramas = tqdm(drawn, desc=title, total=total, disable=title is None)
        features = np.stack([quantize_features(encoders.encode_panorama(panorama)) for panorama in panoramas])
        return cls(features)

    def index(self, encoders: Encoders, options: EvaluationOptions) -> PlaceIndex:
        """Return an index of all places and headings: those of the image may lie between those of a map's index."""
        return PlaceIndex.build(self.features, encoders.bundle.spec, options.index_size, heading_step=1)

    def as_map(
        self,
        scene: Scene,
        database: Database,
        encoders: Encoders,
        options: EvaluationOptions,
        index: PlaceIndex | None = None,
    ) -> LidarMap:
        """Return a map of the places. It is not saved, and has no scans.

        Args:
            scene: the drive.
            database: the places.
            encoders: with which they were drawn.
            options: spacing, and scans per place.
            index: over the places; as a map has it if left out.
        """
        drive = scene.drive
        x, y, z = map(float, scene.T_base_lidar[:3, 3])
        manifest = describe_map(
            encoders.bundle,
            options.map_config(),
            map_frame=drive.map_frame,
            base_frame=drive.base_frame,
            datum=drive.datum,
            view_origin=(x, y, z),
            places=len(self.features),
            path_length=float(scene.mapped.distance[-1]),
        )
        lattice = PlaceLattice(database.places.station, database.places.lateral)
        searched = index or index_of(self.features, lattice, encoders.bundle.spec, options.map_config())
        features, keyframes = PlainFeatures(self.features), np.zeros(0, KEYFRAME)
        plain = LidarMap(manifest, database.T_map_base, lattice, features, keyframes, Clouds(), searched)
        coding = encoders.bundle.coding if options.code_features and index is None else None
        return plain if coding is None else plain.coded(coding)
