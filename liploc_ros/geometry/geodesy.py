# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Where a map is on earth: latitude and longitude of positions in the map frame."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.schema import FrozenModel

SEMI_MAJOR, FLATTENING = 6378137.0, 1 / 298.257223563  # of the WGS 84 ellipsoid; the former in metres
ECCENTRICITY_2 = FLATTENING * (2 - FLATTENING)


class GeodeticDatum(FrozenModel):
    """Origin and direction of a map frame on earth (WGS 84)."""

    latitude: float = Field(ge=-90, le=90, description="of the origin [degrees]")
    longitude: float = Field(ge=-180, le=180, description="of the origin [degrees]")
    altitude: float = Field(0.0, description="of the origin above the ellipsoid [m]")
    heading: float = Field(90.0, ge=0, le=360, description="of the x axis, clockwise from north [degrees]; 90: east")
    projection: Literal["tangent_plane", "mercator"] = Field(
        "tangent_plane",
        description="of positions: east, north and up on the plane that touches the ellipsoid at the origin, or "
        "KITTI's Mercator projection with the scale of the origin",
    )

    def geodetic(self, positions: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return latitude [degrees], longitude [degrees] and altitude [m] (N, 3) of positions (N, 3) [m]."""
        x, y, z = np.asarray(positions, np.float64).T
        heading = np.deg2rad(self.heading)
        east, north = x * np.sin(heading) - y * np.cos(heading), x * np.cos(heading) + y * np.sin(heading)
        if self.projection == "mercator":
            return self._from_mercator(east, north, z)
        return self._from_tangent_plane(east, north, z)

    def _from_mercator(
        self, east: NDArray[np.float64], north: NDArray[np.float64], up: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        radius = SEMI_MAJOR * np.cos(np.deg2rad(self.latitude))
        y = np.log(np.tan(np.deg2rad(90 + self.latitude) / 2)) + north / radius
        latitude = np.rad2deg(2 * np.arctan(np.exp(y))) - 90
        return np.stack([latitude, self.longitude + np.rad2deg(east / radius), self.altitude + up], axis=1)

    def _from_tangent_plane(
        self, east: NDArray[np.float64], north: NDArray[np.float64], up: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        sin, cos = np.sin(np.deg2rad(self.latitude)), np.cos(np.deg2rad(self.latitude))
        normal = SEMI_MAJOR / np.sqrt(1 - ECCENTRICITY_2 * sin**2)
        outward = (normal + self.altitude) * cos - sin * north + cos * up  # from the axis, at the origin's longitude
        z = (normal * (1 - ECCENTRICITY_2) + self.altitude) * sin + cos * north + sin * up
        distance = np.hypot(outward, east)
        latitude = np.arctan2(z, distance * (1 - ECCENTRICITY_2))
        for _ in range(4):  # converges to less than a millimetre
            normal = SEMI_MAJOR / np.sqrt(1 - ECCENTRICITY_2 * np.sin(latitude) ** 2)
            latitude = np.arctan2(z + ECCENTRICITY_2 * normal * np.sin(latitude), distance)
        altitude = distance * np.cos(latitude) + z * np.sin(latitude) - SEMI_MAJOR**2 / normal
        longitude = self.longitude + np.rad2deg(np.arctan2(east, outward))
        return np.stack([np.rad2deg(latitude), (longitude + 180) % 360 - 180, altitude], axis=1)
