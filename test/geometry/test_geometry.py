# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses, cameras and the grid, compared with slow and simple versions."""

import numpy as np
import pytest

from liploc_ros.geometry import (
    CameraError,
    FisheyeCamera,
    OmnidirectionalCamera,
    PinholeCamera,
    ViewGrid,
    camera_from_model,
    interpolate,
    inverse,
    pose_from_yaw,
    transform_points,
    yaw_of,
)

K = np.array([[400.0, 0, 320], [0, 410, 240], [0, 0, 1]])


def test_a_pose_times_its_inverse_is_the_identity():
    T = pose_from_yaw(1, 2, 3, 0.7)
    assert np.allclose(inverse(T) @ T, np.eye(4))


def test_halfway_between_two_poses_is_half_the_rotation_and_half_the_distance():
    T = interpolate(pose_from_yaw(0, 0, 0, 0.2), pose_from_yaw(2, 0, 4, 0.6), 0.5)
    assert np.allclose(T, pose_from_yaw(1, 0, 2, 0.4))


def test_points_are_transformed_like_homogeneous_coordinates(rng):
    T, points = pose_from_yaw(5, -2, 1, 1.1), rng.normal(size=(20, 4)).astype(np.float32)
    slow = [(T @ [*p[:3], 1])[:3] for p in points]
    assert np.allclose(transform_points(T, points), slow, atol=1e-5)


def test_a_pinhole_projects_as_in_the_formula():
    pixels, seen = PinholeCamera(640, 480, K).project(np.array([[0.5, -0.25, 2.0]]))
    assert seen.all() and np.allclose(pixels, [[400 * 0.25 + 320, 410 * -0.125 + 240]])


def test_plumb_bob_distortion_is_that_of_brown_and_conrady():
    k1, k2, p1, p2, k3 = d = np.array([-0.3, 0.1, 0.001, -0.002, 0.01])
    x, y = 0.3, -0.2
    r2 = x * x + y * y
    radial = 1 + k1 * r2 + k2 * r2**2 + k3 * r2**3
    distorted = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x), y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y
    pixels, _ = PinholeCamera(640, 480, K, d).project(np.array([[x, y, 1.0]]))
    assert np.allclose(pixels, [[400 * distorted[0] + 320, 410 * distorted[1] + 240]])


def test_a_fisheye_maps_angles_to_radii():
    angle = np.deg2rad(70)
    ray = np.array([[np.sin(angle), 0, np.cos(angle)]])
    k = np.array([0.1, -0.02, 0.003, -0.0004])
    pixels, _ = FisheyeCamera(2000, 1500, K, k).project(ray)
    radius = angle + sum(c * angle ** (3 + 2 * i) for i, c in enumerate(k))
    assert np.allclose(pixels, [[400 * radius + 320, 240]])


def test_an_omnidirectional_camera_projects_through_the_unit_sphere(rng):
    xi, (k1, k2, p1, p2) = 2.2, (0.017, 1.65, 0.0004, -0.0007)

    def slow(ray):
        x, y, z = ray / np.linalg.norm(ray)
        x, y = x / (z + xi), y / (z + xi)
        r2 = x**2 + y**2
        radial = 1 + k1 * r2 + k2 * r2**2
        distorted_x = x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x**2)
        distorted_y = y * radial + p1 * (r2 + 2 * y**2) + 2 * p2 * x * y
        return [1336 * distorted_x + 717, 1335 * distorted_y + 706]

    K_mei = np.array([[1336.0, 0, 717], [0, 1335, 706], [0, 0, 1]])
    camera = OmnidirectionalCamera(1400, 1400, K_mei, xi, np.array([k1, k2, p1, p2]))
    rays = rng.normal([0, 0, 1], 1, (50, 3))
    pixels, seen = camera.project(rays)
    assert 20 < seen.sum() < 50
    assert np.allclose(pixels[seen], [slow(ray) for ray in rays[seen]])


@pytest.mark.parametrize("xi", [0.0, 0.8, 1.0, 2.2])
def test_an_omnidirectional_camera_is_monotonic_in_the_angle(xi):
    angle = np.linspace(0, np.pi, 400)
    rays = np.stack([np.sin(angle), np.zeros(400), np.cos(angle)], axis=1)
    pixels, seen = OmnidirectionalCamera(10_000, 10_000, K, xi, np.array([-0.1, 0.02, 0, 0])).project(rays)
    assert np.isfinite(pixels).all()
    assert seen[0] and not seen[-1]
    assert np.all(np.diff(pixels[seen, 0]) > 0)


def test_with_xi_0_and_no_distortion_an_omnidirectional_camera_is_a_pinhole(rng):
    rays = rng.normal([0, 0, 3], 1, (50, 3))
    pixels, seen = OmnidirectionalCamera(640, 480, K, 0.0).project(rays)
    expected, expected_seen = PinholeCamera(640, 480, K).project(rays)
    assert np.array_equal(seen, expected_seen)
    assert np.allclose(pixels[seen], expected[seen])


def test_rays_behind_a_pinhole_are_not_seen():
    _, seen = PinholeCamera(640, 480, K).project(np.array([[0.0, 0, -1], [0, 0, 1]]))
    assert seen.tolist() == [False, True]


def test_a_barrel_polynomial_does_not_fold_far_rays_back_into_the_image():
    camera = PinholeCamera(640, 480, K, np.array([-0.4, 0, 0, 0, 0]))
    assert not camera.project(np.array([[1.6, 0.0, 1.0]]))[1].any()


@pytest.mark.parametrize(
    "call",
    [
        lambda: camera_from_model("thin_prism", 640, 480, K, []),
        lambda: camera_from_model("plumb_bob", 640, 480, np.zeros(9), np.zeros(5)),
        lambda: camera_from_model("plumb_bob", 0, 480, K, np.zeros(5)),
        lambda: camera_from_model("equidistant", 640, 480, K, np.full(7, 0.1)),
        lambda: OmnidirectionalCamera(640, 480, K, -0.5),
        lambda: OmnidirectionalCamera(640, 480, K, 2.2, np.zeros(3)),
    ],
)
def test_an_invalid_calibration_is_refused_on_one_line(call):
    with pytest.raises(CameraError) as error:
        call()
    assert "\n" not in str(error.value)


def test_the_middle_of_a_panorama_looks_forward_and_left_is_positive():
    grid = ViewGrid()
    ahead, left = grid.columns_facing(0.0), grid.columns_facing(np.pi / 2)
    assert ahead[grid.width // 2] == grid.panorama_width // 2
    assert left[grid.width // 2] == grid.panorama_width // 4


def test_rays_have_unit_length_and_go_from_upper_left_to_lower_right():
    rays = ViewGrid().rays()
    assert np.allclose(np.linalg.norm(rays, axis=-1), 1)
    assert rays[0, 0, 1] > 0 > rays[0, -1, 1] and rays[0, 0, 2] > rays[-1, 0, 2]


def test_a_grid_without_a_whole_number_of_panorama_columns_is_refused():
    with pytest.raises(ValueError, match="whole"):
        ViewGrid(azimuth_deg=77, width=100)


def test_yaw_is_left_positive():
    assert yaw_of(pose_from_yaw(0, 0, 0, 0.3)) == pytest.approx(0.3)
