# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Settings of an evaluation."""

from typing import Literal

from pydantic import Field

from liploc_ros.errors import LiplocError
from liploc_ros.mapping import MapConfig
from liploc_ros.schema import FrozenModel


class EvaluationError(LiplocError):
    """A drive, protocol or option with which nothing can be evaluated."""


class EvaluationOptions(FrozenModel):
    """How places are drawn and searched. Lengths in metres."""

    places: Literal["path", "frames", "recorded"] = Field(
        "path",
        description="gap-D: places evenly along the path of the map, and beside it; at every frame only; or evenly "
        "along the recorded path only, even if the map is of another lane or direction",
    )
    place_spacing: float = Field(1.0, gt=0, description="gap-D: distance along the path between places [m]")
    lateral_reach: float = Field(
        4.0, ge=0, le=20, description="gap-D: places are also drawn up to this distance to both sides of the path [m]"
    )
    lateral_spacing: float = Field(1.0, gt=0, description="gap-D: distance between places across the path [m]")
    max_gap: float = Field(40.0, gt=0, description="no places between poses that are farther apart [m]")
    scans_per_place: int = Field(6, ge=1, le=20, description="gap-D: nearest scans that a place is drawn from")
    remove_dynamic: bool = Field(
        True, description="gap-D: remove points that another scan, at least as far away, saw through"
    )
    headings: Literal["known", "all"] = Field(
        "known", description="known: the heading of the vehicle is given, as in LIP-Loc; all: every heading is searched"
    )
    thresholds: tuple[float, ...] = Field(
        (1, 2, 5, 10, 20), min_length=1, description="distances within which a place is correct [m]"
    )
    index_size: int = Field(256, gt=0, description="bytes per descriptor in the search index")
    code_features: bool = Field(
        False, description="the localizer uses coded features, as maps do whose model has a coding; headings: all"
    )
    refine: bool = Field(True, description="also run the localizer on the best places")
    candidates: int = Field(48, gt=0, le=1024, description="places that the localizer matches if the heading is given")
    camera: str | None = Field(None, description="optical frame of the camera; null: the first one")

    @property
    def spacing(self) -> tuple[float, float]:
        """Distance between places along the path and across it [m]; across it 0 if there are none beside the path."""
        config = self.map_config()
        return self.place_spacing, config.lateral_spacing if len(config.lateral_offsets) > 1 else 0.0

    def map_config(self) -> MapConfig:
        """Return the settings of a map with such places."""
        settings = self.model_dump(include=set(MapConfig.model_fields))
        return MapConfig(**settings if self.places == "path" else {**settings, "lateral_reach": 0.0})
