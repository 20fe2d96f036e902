# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Where is the vehicle now? Localizes the latest image of a running localizer, once."""

import sys

import numpy as np

from liploc_ros.client import ClientError, LocalizerClient
from liploc_ros.geometry import yaw_of


def main() -> None:
    """Wait for the localizer, and print the pose of its latest image."""
    with LocalizerClient("localizer") as localizer:
        lidar_map = localizer.wait()
        print(f"map {lidar_map.path}: {lidar_map.places} places along {lidar_map.path_length:.0f} m")
        result = localizer.localize(timeout=10.0)
        print(f"{result.status.name}: {result.message}")
        if result.best is not None:
            x, y, z = result.best.T_map_base[:3, 3]
            sigma = np.sqrt(np.diag(result.best.covariance))
            print(f"x {x:.2f} +- {sigma[0]:.2f} m, y {y:.2f} +- {sigma[1]:.2f} m, z {z:.2f} m in {result.map_frame!r}")
            print(f"yaw {np.rad2deg(yaw_of(result.best.T_map_base)):.1f} degrees, {result.latency_ms:.0f} ms")


if __name__ == "__main__":
    try:
        main()
    except ClientError as error:
        sys.exit(f"localize_once: {error}")
