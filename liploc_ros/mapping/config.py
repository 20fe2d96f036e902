# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Settings of a map."""

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasChoices, Field

from liploc_ros.schema import FrozenModel


class MapConfig(FrozenModel):
    """How a map is built. Lengths in metres. Maps written before 2026-11-26 use the older key of a renamed field."""

    keyframe_spacing: float = Field(10.0, gt=0, description="minimum distance between the scans that are kept [m]")
    keyframe_turning: float = Field(
        45.0, gt=0, description="a scan is also kept after this turn and a quarter of the distance [degrees]"
    )
    place_spacing: float = Field(1.0, gt=0, description="distance along the path between places [m]")
    lateral_reach: float = Field(
        4.0,
        ge=0,
        le=20,
        description="places are also drawn up to this distance to both sides of the path, where the scans show free "
        "road; 0: only on the path [m]",
    )
    lateral_spacing: float = Field(1.0, gt=0, description="distance between places across the path [m]")
    searched_offsets: int = Field(
        1,
        ge=1,
        description="1: all places are in the search index; n: those at every n-th lateral offset, and matching "
        "compares those between",
    )
    max_gap: float = Field(
        40.0,
        gt=0,
        validation_alias=AliasChoices("max_gap", "longest_gap"),
        description="no places between keyframes that are farther apart along the path [m]",
    )
    scans_per_place: int = Field(
        2, ge=1, le=20, description="keyframes, nearest along the path, from which a place is drawn"
    )
    remove_dynamic: bool = Field(
        True,
        validation_alias=AliasChoices("remove_dynamic", "drop_moving"),
        description="remove points that another keyframe saw through: moving objects",
    )
    view_origin: tuple[float, float, float] | None = Field(
        None, description="origin of the views in the base frame [m]; null: the position of the LiDAR"
    )
    code_features: bool = Field(
        True, description="store features in about a fifteenth of the bytes; needs a model with a coding"
    )
    store_points: bool = Field(True, description="keep the points of the keyframes, for pictures and RViz")
    point_voxel: float = Field(
        0.2, ge=0, description="side of the voxels to which stored points are thinned [m]; 0 keeps all points"
    )
    tile_length: float = Field(1000.0, ge=100, description="length of a tile of the map along the path [m]")
    index_size: int = Field(
        256, gt=0, description="numbers per descriptor in the search index of features that are not coded"
    )

    @property
    def lateral_offsets(self) -> NDArray[np.float64]:
        """(L,) distances to the left of the path at which places are drawn [m], from right to left."""
        count = int(self.lateral_reach / self.lateral_spacing + 1e-6)
        return np.asarray(np.arange(-count, count + 1) * self.lateral_spacing, np.float64)
