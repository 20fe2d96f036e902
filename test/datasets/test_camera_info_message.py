"""Cameras of sensor_msgs/CameraInfo."""

import cv2
import numpy as np
import pytest

from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.camera_info import camera_from_info, mounted_camera_from_info
from liploc_ros.geometry import CameraError, MountedCamera, PinholeCamera

CAMERA = MountedCamera(
    "camera", PinholeCamera(640, 480, np.array([[500.0, 0, 320], [0, 510, 240], [0, 0, 1]])), np.eye(4)
)


def test_a_camera_survives_a_round_trip() -> None:
    camera = camera_from_info(messages.camera_info(0, CAMERA), "/camera_info")
    assert (camera.width, camera.height) == (640, 480)
    assert np.array_equal(camera.K, CAMERA.camera.K)


def test_binning_and_region_of_interest_change_pixels_but_not_rays() -> None:
    msg = messages.camera_info(0, CAMERA)
    msg.binning_x = msg.binning_y = 2
    msg.roi.x_offset, msg.roi.y_offset, msg.roi.width, msg.roi.height = 100, 50, 400, 300
    part = camera_from_info(msg, "t")
    ray = np.array([[0.05, -0.02, 1.0]])
    full_pixel, part_pixel = CAMERA.camera.project(ray)[0], part.project(ray)[0]
    assert (part.width, part.height) == (200, 150)
    assert part_pixel * 2 + 0.5 + [100, 50] == pytest.approx(full_pixel)


def test_a_rectified_camera_has_p_and_is_rotated_by_r() -> None:
    msg = messages.camera_info(0, CAMERA)
    R = cv2.Rodrigues(np.array([0, 0.1, 0]))[0]
    msg.r, msg.p, msg.d = R.ravel(), np.array([400.0, 0, 300, 0, 0, 400, 200, 0, 0, 0, 1, 0]), np.full(5, 0.1)
    mounted = mounted_camera_from_info(msg, "camera", np.eye(4), "t", rectified=True)
    assert mounted.camera.K[0, 0] == 400
    assert not len(mounted.camera.distortion)
    assert mounted.T_base_camera[:3, :3] == pytest.approx(R.T)


def test_a_camera_info_of_zeros_is_refused() -> None:
    msg = messages.camera_info(0, CAMERA)
    msg.k = np.zeros(9)
    with pytest.raises(CameraError, match=r"^/camera_info: intrinsics K"):
        camera_from_info(msg, "/camera_info")
