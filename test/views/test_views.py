# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Views compared with slow and simple versions, on real scans and images."""

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from liploc_ros.geometry import FisheyeCamera, MountedCamera, PinholeCamera, ViewGrid, inverse, pose_from_yaw
from liploc_ros.views import (
    CameraViewer,
    ImageError,
    PointsError,
    Scan,
    StaticScans,
    ViewError,
    decode_image,
    draw_panorama,
    draw_virtual_view,
    read_image,
)
from liploc_ros.views.dynamic_removal import CAUTIOUS, THOROUGH

GRID = ViewGrid()
FORWARD = np.array([[0, 0, 1.0, 0], [-1, 0, 0, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
K = np.array([[150.0, 0, 160], [0, 150, 60], [0, 0, 1]])


def slow_panorama(points, grid):
    """Draw point by point; empty pixels are filled from the two rows above."""
    drawn = np.full((grid.height, grid.panorama_width), np.inf)
    reflectance = np.zeros(drawn.shape)
    for x, y, z, r in points.astype(float):
        distance = np.sqrt(x * x + y * y + z * z)
        if not (grid.near < distance < grid.far):
            continue
        row = int(np.floor((np.deg2rad(grid.up_deg) - np.arcsin(z / distance)) / grid.row_pitch))
        column = int(np.floor((np.pi - np.arctan2(y, x)) / grid.column_pitch)) % grid.panorama_width
        if 0 <= row < grid.height and distance < drawn[row, column]:
            drawn[row, column], reflectance[row, column] = distance, r
    for _ in range(2):
        for row in range(grid.height - 1, 0, -1):
            empty = np.isinf(drawn[row])
            drawn[row, empty], reflectance[row, empty] = drawn[row - 1, empty], reflectance[row - 1, empty]
    return np.where(np.isinf(drawn), 0, drawn), np.where(np.isinf(drawn), 0, reflectance)


def test_the_panorama_of_a_real_scan_equals_the_slow_version(demo_scan):
    fast = draw_panorama(demo_scan, GRID)
    distance, reflectance = slow_panorama(demo_scan, GRID)
    same = np.isclose(fast.range, distance, atol=2e-3)  # float32 angles move a few points to the next pixel
    assert same.mean() > 0.999
    # Points with ranges within a millimetre can be swapped.
    assert np.mean(np.abs(fast.reflectance - reflectance)[same] < 1 / 128) > 0.98


def test_a_virtual_view_is_the_panorama_of_all_transformed_points(demo_scan):
    T_map_a, T_map_b, T_map_view = (
        pose_from_yaw(0, 0, 0, 0),
        pose_from_yaw(9, 1, 0, 0.1),
        pose_from_yaw(4, 0.5, 0, 0.05),
    )
    view = draw_virtual_view([Scan(demo_scan, T_map_a), Scan(demo_scan, T_map_b)], T_map_view, GRID)
    moved = []
    for T in (T_map_a, T_map_b):
        homogeneous = np.c_[demo_scan[:, :3], np.ones(len(demo_scan))]
        moved.append(np.c_[(homogeneous @ (inverse(T_map_view) @ T).T)[:, :3], demo_scan[:, 3]])
    distance, _ = slow_panorama(np.concatenate(moved), GRID)
    assert np.isclose(view.range, distance, atol=5e-3).mean() > 0.997


def test_invalid_near_and_far_points_are_dropped():
    good = [10.0, 0, -1, 0.5]
    invalid = [[np.nan, 0, 0, 0], [np.inf, 1, 0, 0], [0, 0, 0, 0.9], [1, 0, 0, 0.9], [500, 0, -20, 0.9]]
    expected, drawn = (draw_panorama(np.array(p, np.float32), GRID) for p in ([good], [good, *invalid]))
    assert np.array_equal(expected.range, drawn.range) and expected.mask.any()


def test_the_panorama_of_an_empty_scan_is_empty():
    assert not draw_panorama(np.zeros((0, 4), np.float32), GRID).mask.any()


def test_a_scan_without_reflectance_has_reflectance_0(demo_scan):
    view = draw_panorama(demo_scan[:, :3], GRID)
    assert np.array_equal(view.range, draw_panorama(demo_scan, GRID).range) and not view.reflectance.any()


def test_points_of_a_wrong_shape_are_refused():
    with pytest.raises(PointsError, match="expected"):
        draw_panorama(np.zeros((5, 2), np.float32), GRID)


@settings(deadline=None, max_examples=40)
@given(arrays(np.float32, st.tuples(st.integers(0, 40), st.just(4)), elements=st.floats(width=32)))
def test_the_panorama_of_random_points_is_finite(points):
    view = draw_panorama(points, GRID)
    assert np.isfinite(view.range).all() and view.reflectance.min() >= 0 and view.reflectance.max() <= 1


@pytest.mark.parametrize(
    "camera",
    [
        PinholeCamera(320, 120, K, np.array([-0.2, 0.05, 0.001, -0.001, 0.0])),
        FisheyeCamera(320, 120, K, np.array([0.05, -0.01, 0.0, 0.0])),
    ],
)
def test_each_pixel_of_a_camera_view_is_the_image_at_its_ray(camera, rng):
    image = np.kron(rng.integers(0, 255, (15, 40, 3)), np.ones((8, 8, 1))).astype(np.uint8)
    view = CameraViewer(GRID, MountedCamera("c", camera, FORWARD)).draw(image)
    pixels, seen = camera.project(GRID.rays() @ FORWARD[:3, :3])
    assert np.array_equal(view.mask, seen) and not view.image[~seen].any()
    rows, columns = np.nonzero(seen)
    colours = np.array([image[round(v), round(u)] for u, v in pixels[rows, columns]])
    inside = np.abs((pixels[rows, columns] + 0.5) % 8 - 4).max(axis=1) < 2.5  # not near the edges of the squares
    assert np.abs(view.image[rows, columns][inside].astype(int) - colours[inside]).max() <= 2


def test_cameras_of_different_focal_lengths_give_the_same_view(demo_image, demo_camera):
    camera = demo_camera.camera
    small = demo_image[: camera.height // 2 * 2, : camera.width // 2 * 2].reshape(
        camera.height // 2, 2, camera.width // 2, 2, 3
    )
    half_K = np.diag([0.5, 0.5, 1]) @ camera.K
    half_K[:2, 2] -= 0.25
    half = MountedCamera(
        "half", PinholeCamera(camera.width // 2, camera.height // 2, half_K), demo_camera.T_base_camera
    )
    one = CameraViewer(GRID, demo_camera).draw(demo_image)
    other = CameraViewer(GRID, half).draw(small.mean(axis=(1, 3)).astype(np.uint8))
    both = one.mask & other.mask
    assert both.mean() > 0.8 and np.abs(one.image[both].astype(int) - other.image[both]).mean() < 4


def test_a_camera_that_looks_up_has_an_empty_mask():
    looking_up = np.eye(4)
    view = CameraViewer(GRID, MountedCamera("c", PinholeCamera(320, 120, K), looking_up)).draw(
        np.zeros((120, 320), np.uint8)
    )
    assert not view.mask.any()


def test_an_image_with_another_size_than_its_calibration_is_refused(demo_camera):
    with pytest.raises(ViewError, match="CameraInfo or calibration file of this image size"):
        CameraViewer(GRID, demo_camera).draw(np.zeros((10, 10, 3), np.uint8))


def test_camera_and_lidar_views_share_their_rays(demo_camera, demo_drive):
    """A point that is projected into an image has the same grid pixel in the camera view and in the panorama."""
    direction = GRID.rays()[40, 100]
    T_camera_base = inverse(demo_camera.T_base_camera)
    pixel, seen = demo_camera.camera.project(direction @ T_camera_base[:3, :3].T)
    image = np.zeros((demo_camera.camera.height, demo_camera.camera.width), np.uint8)
    u, v = np.rint(pixel).astype(int)
    image[v - 4 : v + 5, u - 4 : u + 5] = 255
    drawn = CameraViewer(GRID, demo_camera).draw(image)
    lidar = draw_panorama(np.array([[*direction * 20, 1.0]], np.float32), GRID).facing(GRID, 0.0)
    assert seen and drawn.image[40, 100].min() > 200 and lidar.range[40, 100] == pytest.approx(20, abs=2e-3)


def test_a_truncated_image_file_is_refused_with_its_name(tmp_path, demo_jpeg):
    path = tmp_path / "cut.jpg"
    path.write_bytes(demo_jpeg[: len(demo_jpeg) // 2])
    with pytest.raises(ImageError, match=r"cut\.jpg: JPEG is cut off"):
        read_image(path)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=300) | st.binary(max_size=100).map(lambda b: b"\xff\xd8\xff" + b + b"\xff\xd9"))
def test_random_bytes_are_decoded_or_refused(data):
    with contextlib.suppress(ImageError):
        assert decode_image(data, "fuzz").ndim == 3


def box(x, y=0.0):
    """The rear of a car at x metres in front."""
    grid = np.stack(np.meshgrid(np.arange(-1, 1, 0.1), np.arange(-0.4, 0.3, 0.1)), axis=-1).reshape(-1, 2)
    return np.c_[np.full(len(grid), x), grid[:, 0] + y, grid[:, 1], np.full(len(grid), 0.5)].astype(np.float32)


def wall(x):
    """A wall across the road at x metres in front."""
    y, z = np.meshgrid(np.arange(-15, 15, 0.1), np.arange(-1.7, 1.5, 0.1))
    return np.c_[np.full(y.size, x), y.ravel(), z.ravel(), np.full(y.size, 0.2)].astype(np.float32)


def test_moved_objects_are_removed_and_static_ones_are_kept():
    car, parked = box(14.0), box(12.0, y=8.0)
    T_later = pose_from_yaw(6.0, 0.0, 0.0, 0.0)
    first = Scan(np.concatenate([wall(25.0), parked, car]), np.eye(4))  # the second scan does not have the car
    second = Scan(np.concatenate([wall(19.0), parked - np.float32([6, 0, 0, 0])]), T_later)
    scans = StaticScans([first, second], np.array([[0, 0, 0], [6.0, 0, 0]]))
    cleaned, other = scans.static_scan(0), scans.static_scan(1)
    assert len(cleaned.points) == len(first.points) - len(car) and not (cleaned.points[:, 0] == 14).any()
    assert len(other.points) == len(second.points)
    no_observers = np.array([True, False])
    assert len(scans.static_scan(0, no_observers).points) == len(first.points)


def moved(x):
    """The pose of a LiDAR that was moved along the road."""
    return pose_from_yaw(x, 0.0, 0.0, 0.0)


def test_what_only_one_of_many_scans_saw_through_stays():
    """The pose of one of five scans is wrong."""
    car = box(14.0)
    poses = np.array([[0, 0, 0], [-6.0, 0, 0], [-11.0, 0, 0], [-17.0, 0, 0], [-25.0, 0, 0]])
    with_car = [Scan(np.concatenate([wall(25.0 - x), car - np.float32([x, 0, 0, 0])]), moved(x)) for x in poses[:, 0]]
    blind = [Scan(wall(25.0 - x), moved(x)) for x in poses[:, 0]]
    order = [4, 3, 2, 1, 0]  # of recording
    one, two = [*with_car[:4], blind[4]], [*with_car[:3], *blind[3:]]
    sizes = [
        len(StaticScans([scans[i] for i in order], poses[order], CAUTIOUS).static_scan(4).points)
        for scans in (one, two)
    ]
    assert sizes == [len(with_car[0].points), len(with_car[0].points) - len(car)]
    assert len(StaticScans([one[i] for i in order], poses[order], THOROUGH).static_scan(4).points) == sizes[1]


def test_nothing_is_removed_from_a_single_scan(demo_scan):
    assert len(StaticScans([Scan(demo_scan, np.eye(4))], np.zeros((1, 3))).static_scan(0).points) == len(demo_scan)
