# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The angular grid to which camera images and LiDAR scans are resampled."""

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from liploc_ros.schema import FrozenModel


class ViewGrid(FrozenModel):
    """Azimuth x elevation grid. Pixel (u, v) of a camera view and of a LiDAR view correspond to the same ray.

    The frame of the grid has REP-103 axes (x forward, y left, z up). Column 0 is the leftmost azimuth, row 0 the
    highest elevation. A panorama has the same rows and the same pixel pitch over 360 degrees. Its column 0 looks
    backward (azimuth +180 degrees), its middle column forward.
    """

    azimuth_deg: float = Field(80.0, gt=0, le=360, description="width of a view [degrees]")
    up_deg: float = Field(4.0, gt=-90, lt=90, description="elevation of the upper edge [degrees]")
    down_deg: float = Field(-16.0, gt=-90, lt=90, description="elevation of the lower edge [degrees]")
    width: int = Field(256, gt=0, description="columns of a view")
    height: int = Field(64, gt=0, description="rows of a view")
    near: float = Field(1.5, gt=0, description="points closer than this are dropped [m]")
    far: float = Field(80.0, gt=0, description="points farther than this are dropped [m]")
    fill_rows: int = Field(2, ge=0, le=8, description="an empty pixel is filled from up to this many rows above it")

    @model_validator(mode="after")
    def _is_consistent(self) -> "ViewGrid":
        if self.down_deg >= self.up_deg or self.near >= self.far:
            raise ValueError(
                f"down_deg {self.down_deg} must be below up_deg {self.up_deg}, near {self.near} below far {self.far}"
            )
        columns = 360 * self.width / self.azimuth_deg
        if abs(columns - round(columns)) > 1e-9:
            raise ValueError(
                f"360 degrees are {columns:.3f} columns: choose azimuth_deg and width so that it is a whole number"
            )
        return self

    @property
    def panorama_width(self) -> int:
        """Number of columns over 360 degrees."""
        return round(360 * self.width / self.azimuth_deg)

    @property
    def column_pitch(self) -> float:
        """Azimuth between neighbouring columns [rad]."""
        return 2 * np.pi / self.panorama_width

    @property
    def row_pitch(self) -> float:
        """Elevation between neighbouring rows [rad]."""
        return float(np.deg2rad(self.up_deg - self.down_deg) / self.height)

    def rays(self) -> NDArray[np.float64]:
        """Return the unit rays (height, width, 3) through the pixel centres, in the frame of the grid."""
        azimuth = np.deg2rad(self.azimuth_deg) / 2 - (np.arange(self.width) + 0.5) * self.column_pitch
        elevation = np.deg2rad(self.up_deg) - (np.arange(self.height) + 0.5) * self.row_pitch
        a, e = np.meshgrid(azimuth, elevation)
        return np.stack([np.cos(e) * np.cos(a), np.cos(e) * np.sin(a), np.sin(e)], axis=-1)

    def columns_facing(self, yaw: float) -> NDArray[np.intp]:
        """Return the panorama columns (width,) of the view with heading yaw [rad], left positive."""
        first = round((np.pi - yaw) / self.column_pitch) - self.width // 2
        return (np.arange(self.width) + first) % self.panorama_width
