# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Cameras of sensor_msgs/CameraInfo."""

import cv2
import numpy as np
import pytest

from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.camera_info import camera_doubts, camera_from_info, mounted_camera_from_info
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
    msg.k, msg.p = np.zeros(9), np.zeros(12)
    with pytest.raises(CameraError, match=r"^/camera_info: K and P are all zero"):
        camera_from_info(msg, "/camera_info")


def test_the_zero_one_of_k_and_p_is_named() -> None:
    msg = messages.camera_info(0, CAMERA)
    msg.k = np.zeros(9)
    with pytest.raises(CameraError, match="K of raw images is all zero, P is not"):
        camera_from_info(msg, "t")
    msg = messages.camera_info(0, CAMERA)
    msg.p, msg.d = np.zeros(12), np.full(5, 0.1)
    with pytest.raises(CameraError, match="P of rectified images is all zero, K is not"):
        camera_from_info(msg, "t", rectified=True)


def test_k_serves_where_p_and_d_of_rectified_images_are_zero() -> None:
    msg = messages.camera_info(0, CAMERA)
    msg.p, msg.d = np.zeros(12), np.zeros(5)
    assert np.array_equal(camera_from_info(msg, "t", rectified=True).K, CAMERA.camera.K)
    assert "P of rectified images is all zero" in camera_doubts(msg, rectified=True)[0]


def test_intrinsics_that_do_not_fit_the_image_are_doubted() -> None:
    msg = messages.camera_info(0, CAMERA)
    assert camera_doubts(msg) == []
    msg.binning_x = msg.binning_y = 2
    msg.k = np.array([250.0, 0, 160, 0, 255, 120, 0, 0, 1])
    assert "principal point (80, 60) is far from the centre of 320 x 240 pixels" in camera_doubts(msg)[0]
    msg = messages.camera_info(0, CAMERA)
    msg.k = np.array([50.0, 0, 320, 0, 50, 240, 0, 0, 1])
    assert "focal length 50 is unusual for an image 640 pixels wide" in camera_doubts(msg)[0]


@pytest.mark.parametrize(
    ("model", "coefficients"),
    [("plumb_bob", 6), ("plumb_bob", 8), ("rational_polynomial", 13), ("equidistant", 5), ("equidistant", 8)],
)
def test_zeros_at_the_end_of_the_distortion_do_not_count(model: str, coefficients: int) -> None:
    msg = messages.camera_info(0, CAMERA)
    msg.distortion_model, msg.d = model, np.r_[0.1, 0.01, np.zeros(coefficients - 2)]
    assert camera_from_info(msg, "t").distortion[:2].tolist() == [0.1, 0.01]
    msg.d[-1] = 0.5
    if coefficients in (6, 5, 13):
        with pytest.raises(CameraError, match="finite numbers"):
            camera_from_info(msg, "t")
