# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The robot of the tutorial: its frames, its lens, its LiDAR messages, and wheel odometry that drifts."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from liploc_ros.datasets.bag import messages
from liploc_ros.geometry import MountedCamera, PinholeCamera, Pose, inverse, pose_from_yaw, transform_points, yaw_of

BASE, INS, LIDAR, BRACKET, CAMERA = "base_link", "ins_link", "lidar_top", "cam_front", "cam_front_optical"
POINTS, IMAGES, INFOS = "/lidar_top/points", "/cam_front/image/compressed", "/cam_front/camera_info"
INS_ODOMETRY, WHEEL_ODOMETRY = "/ins/odometry", "/wheel/odometry"

T_INS_BASE = pose_from_yaw(-0.05, 0.32, -0.93, 0.0)  # the base is on the ground, below the inertial unit
T_VELODYNE_LIDAR = pose_from_yaw(0.0, 0.0, 0.0, np.pi / 2)  # the cable of the LiDAR points to the right
TILT_ERROR = np.deg2rad(1.5)  # by which the camera of the patrol looks lower than its /tf_static says
DISTORTION = np.array([-0.08, 0.01, 0.0, 0.0, 0.0])  # plumb_bob: a lens with barrel distortion
MARGIN_X, MARGIN_Y = 70, 30  # pixels by which the distorted image is smaller on each side
SCALE_ERROR, YAW_ERROR = 1.01, np.deg2rad(0.03)  # of wheel odometry: factor on distances, heading per metre
JPEG_QUALITY = 85


class Robot:
    """Converts the sensor data of a recording to those of the robot."""

    def __init__(self, T_ins_lidar: Pose, camera: MountedCamera, *, tilted: bool) -> None:
        """Take where LiDAR and camera of the recording are in its base frame, which becomes that of the INS.

        Args:
            T_ins_lidar: where the LiDAR of the recording is.
            camera: of the recording, without distortion.
            tilted: the mount on /tf_static is wrong by ``TILT_ERROR``.
        """
        if not isinstance(camera.camera, PinholeCamera) or np.any(camera.camera.distortion):
            raise SystemExit("the images must be rectified: give a KITTI drive, or no recording at all")
        T_base_ins = inverse(T_INS_BASE)
        T_optical_assumed = np.eye(4)
        if tilted:
            T_optical_assumed[:3, :3] = Rotation.from_euler("x", TILT_ERROR).as_matrix()
        T_base_optical = T_base_ins @ camera.T_base_camera @ T_optical_assumed
        T_bracket_optical = np.eye(4)
        T_bracket_optical[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]  # REP-103
        self._mounts = {
            BASE: {
                INS: T_base_ins,
                LIDAR: T_base_ins @ T_ins_lidar @ T_VELODYNE_LIDAR,
                BRACKET: T_base_optical @ inverse(T_bracket_optical),
            },
            BRACKET: {CAMERA: T_bracket_optical},
        }
        self._source = camera.camera
        K = camera.camera.K - [[0, 0, MARGIN_X], [0, 0, MARGIN_Y], [0, 0, 0]]
        width, height = camera.camera.width - 2 * MARGIN_X, camera.camera.height - 2 * MARGIN_Y
        self._camera = PinholeCamera(width, height, K, DISTORTION)
        pixels = np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).reshape(-1, 1, 2)
        rays = cv2.undistortPoints(pixels.astype(np.float64), K, DISTORTION).reshape(height, width, 2)
        focal, centre = np.diag(camera.camera.K)[:2], camera.camera.K[:2, 2]
        self._source_pixels = (rays * focal + centre).astype(np.float32)

    def mounts(self, stamp_ns: int, *, with_lidar: bool) -> Any:
        """Return /tf_static."""
        parts = []
        for parent, children in self._mounts.items():
            kept = {name: T for name, T in children.items() if with_lidar or name in (BRACKET, CAMERA)}
            parts += messages.transforms(stamp_ns, parent, kept).transforms
        return messages.MESSAGES["tf2_msgs/msg/TFMessage"](transforms=parts)

    def image(self, stamp_ns: int, rgb: NDArray[np.uint8]) -> Any:
        """Return the JPEG image that the lens of the robot gives."""
        raw = cv2.remap(rgb, self._source_pixels, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return messages.compressed_image(stamp_ns, CAMERA, np.asarray(raw, np.uint8), JPEG_QUALITY)

    def camera_info(self, stamp_ns: int) -> Any:
        """Return the calibration of raw images, with distortion."""
        info = messages.camera_info(stamp_ns, MountedCamera(CAMERA, self._camera, np.eye(4)))
        info.d = DISTORTION
        return info

    def points(self, stamp_ns: int, points: NDArray[np.float32]) -> Any:
        """Return a PointCloud2 with fields as many drivers have them: x, y, z, reflectivity, ring, t.

        Args:
            stamp_ns: time of the scan.
            points: (N, 4) in the LiDAR frame of the recording, and reflectance 0 to 1.
        """
        kinds = {"x": ("<f4", 7), "y": ("<f4", 7), "z": ("<f4", 7), "reflectivity": ("u1", 2), "t": ("<u4", 6)}
        layout = np.dtype([(name, kind) for name, (kind, _) in kinds.items()], align=True)
        data = np.zeros(len(points), layout)
        data["x"], data["y"], data["z"] = transform_points(inverse(T_VELODYNE_LIDAR), points).T
        data["reflectivity"] = np.clip(np.round(points[:, 3] * 255), 0, 255)
        field = messages.MESSAGES["sensor_msgs/msg/PointField"]
        offsets = layout.fields or {}
        fields = [field(name=n, offset=offsets[n][1], datatype=number, count=1) for n, (_, number) in kinds.items()]
        return messages.MESSAGES["sensor_msgs/msg/PointCloud2"](
            header=messages.header(stamp_ns, LIDAR),
            height=1,
            width=len(data),
            fields=fields,
            is_bigendian=False,
            point_step=layout.itemsize,
            row_step=layout.itemsize * len(data),
            data=data.view(np.uint8).ravel(),
            is_dense=True,
        )


def wheel_odometry(T_map_base: Sequence[Pose]) -> list[Pose]:
    """Return T_odom_base for each pose of the base: planar, from the identity on, with errors that grow."""
    poses = [np.eye(4)]
    for before, after in pairwise(T_map_base):
        step = inverse(before) @ after
        driven = float(np.hypot(step[0, 3], step[1, 3]))
        turn = yaw_of(step) + YAW_ERROR * driven
        poses.append(poses[-1] @ pose_from_yaw(SCALE_ERROR * step[0, 3], SCALE_ERROR * step[1, 3], 0.0, turn))
    return poses
