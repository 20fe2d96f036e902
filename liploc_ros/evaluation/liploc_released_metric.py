"""LIP-Loc's published metric, for comparison with numbers that were counted by it.

It takes the second and third coordinate of the poses for the ground plane. Those of KITTI's odometry poses are down and
forward of the camera: what lies beside the path counts as near, if it is as far along the first pose's view.
"""

import numpy as np
from numpy.typing import NDArray

from liploc_ros.evaluation.provenance import dataset_of
from liploc_ros.evaluation.scene import Scene
from liploc_ros.geometry import inverse


def released_positions(scene: Scene, T_map_base: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (N, 2) what the published code takes for the positions [m] of base poses (N, 4, 4).

    Of KITTI-360 they are north and up of the world. Elsewhere they are down and forward of the camera at the path's
    first pose, where the axes of KITTI's odometry poses are.
    """
    if dataset_of(scene.drive.name) == "kitti-360":
        return np.asarray(T_map_base[:, 1:3, 3])
    T_base_camera = scene.mounted.T_base_camera
    first = inverse(scene.path[0] @ T_base_camera)
    return np.asarray((first @ T_map_base @ T_base_camera)[:, 1:3, 3])
