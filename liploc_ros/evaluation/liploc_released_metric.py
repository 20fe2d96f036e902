# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The metric of LIP-Loc's published code, for comparison with published numbers.

The published code takes the second and third coordinate of the poses as the ground plane. In KITTI's odometry poses
these are down and forward of the camera, so the lateral distance to the first camera is ignored.
"""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.evaluation.provenance import dataset_of
from liploc_ros.evaluation.scene import Scene
from liploc_ros.geometry import inverse


def released_positions(scene: Scene, T_map_base: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the (N, 2) positions [m] of base poses (N, 4, 4) as the published code reads them.

    For KITTI-360 they are north and up of the world frame. Otherwise they are down and forward of the camera at the
    first pose of the path, which is the frame of KITTI's odometry poses.
    """
    if dataset_of(scene.drive.name) == "kitti-360":
        return np.asarray(T_map_base[:, 1:3, 3])
    T_base_camera = scene.mounted.T_base_camera
    first = inverse(scene.path[0] @ T_base_camera)
    return np.asarray((first @ T_map_base @ T_base_camera)[:, 1:3, 3])
