# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Maps of simulated passes, and cameras that are cropped or mounted differently than assumed."""

from dataclasses import replace

import numpy as np
import pytest

from liploc_ros.evaluation import EvaluationError, EvaluationOptions, Evaluator, Protocol
from liploc_ros.evaluation.scene import MappedPass, Scene
from liploc_ros.evaluation.scene.camera_conditions import CameraConditions, crop_camera
from liploc_ros.evaluation.scene.lidar_beams import beam_elevations, thin_beams
from liploc_ros.evaluation.scene.simulated_pass import PassConditions
from liploc_ros.evaluation.scene.simulated_scan import simulate_scan
from liploc_ros.geometry import ViewGrid, inverse, pose_from_yaw, yaw_of
from liploc_ros.localization import Status
from liploc_ros.views import Scan, draw_panorama

SPARSE = EvaluationOptions(place_spacing=4.0, scans_per_place=2)
CONDITIONS = [
    "lane-1.75", "gap-3+lane--3.5+reverse+beams-32", "reverse", "beams-16", "camera-left", "crop-45", "tilt-2",
    "same-frame+tilt--1+roll-2",
]  # fmt: skip


@pytest.fixture(scope="module")
def evaluator(demo_drive, bundle):
    return Evaluator(demo_drive, bundle, SPARSE)


@pytest.fixture(scope="module")
def recorded(demo_drive):
    return Scene.of(demo_drive).recorded


def wall(distance, spacing, half_size=1.5):
    """Return points of a square wall ahead."""
    y, z = np.meshgrid(*[np.linspace(-half_size, half_size, round(2 * half_size / spacing) + 1)] * 2)
    return np.column_stack([np.full(y.size, distance), y.ravel(), z.ravel(), np.zeros(y.size)]).astype(np.float32)


@pytest.mark.parametrize("name", CONDITIONS)
def test_the_name_of_a_protocol_with_conditions_is_the_name_it_was_parsed_from(name):
    assert Protocol.parse(name).name == name


def test_a_lane_is_a_second_pass_and_other_conditions_are_those_of_gap_8():
    assert Protocol.parse("lane-3.5").value == 0 and Protocol.parse("gap-0+lane-3.5").name == "lane-3.5"
    assert Protocol.parse("crop-45").value == 8 and Protocol.parse("gap-8+crop-45").name == "crop-45"
    assert Protocol.parse("crop-45").searches_all_headings and not Protocol.parse("gap-8").searches_all_headings


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("lane", "'lane' is not one of"),
        ("beams-24", "'beams-24' is not one of"),
        ("crop-45+", "'' is not one of"),
        ("crop-45+crop-60", "crop is given twice"),
        ("crop-0", "crop = 0.0"),
        ("tilt-90", "tilt = 90.0"),
        ("lane-500", "lane = 500.0"),
        ("same-frame+lane-3.5", "need places along a path"),
    ],
)
def test_a_bad_condition_is_named_in_one_line(name, why):
    with pytest.raises(EvaluationError, match=why) as caught:
        Protocol.parse(name)
    assert "\n" not in str(caught.value) and repr(name) in str(caught.value)


def test_a_camera_that_is_missing_ambiguous_or_too_narrow_is_refused(demo_drive, demo_camera):
    with pytest.raises(EvaluationError, match="no camera of this name: it has camera_color_left"):
        CameraConditions(camera="rear").camera_of(demo_drive, None)
    two = replace(demo_drive, cameras={"front_a": demo_camera, "front_b": demo_camera})
    with pytest.raises(EvaluationError, match="2 cameras of this name"):
        CameraConditions(camera="front").camera_of(two, None)
    with pytest.raises(EvaluationError, match="choose a smaller field of view"):
        crop_camera(demo_camera, 120)


def test_a_surface_hides_what_is_behind_it_even_if_its_points_are_sparse():
    beams, far = beam_elevations(64), wall(20, 0.02)
    seen = simulate_scan(np.concatenate([wall(5, 0.1, half_size=0.2), far]), beams)
    behind = seen[seen[:, 0] > 10]
    shadow = 0.2 * 20 / 5
    in_shadow = np.abs(far[:, 1:3]).max(axis=1) < shadow - 0.05
    assert len(simulate_scan(far[in_shadow], beams)) > 100  # seen without the near wall
    assert len(behind) > 500 and np.abs(behind[:, 1:3]).max(axis=1).min() > shadow - 0.1


def test_each_ray_of_a_simulated_scan_has_one_return_near_its_beam(rng):
    beams, points = beam_elevations(16), rng.uniform(-30, 30, (200_000, 4)).astype(np.float32)
    seen = simulate_scan(points, beams)
    elevation = np.arctan2(seen[:, 2], np.hypot(seen[:, 0], seen[:, 1]))
    assert np.abs(elevation[:, None] - beams).min(axis=1).max() < np.deg2rad(0.2)
    assert 0 < len(seen) <= 16 * 2083


def test_fewer_beams_are_a_part_of_the_scan(demo_scan):
    counts = [len(thin_beams(demo_scan, beams)) for beams in (64, 32, 16)]
    assert counts[0] == len(demo_scan) and 0.35 < counts[1] / counts[0] < 0.6 and 0.35 < counts[2] / counts[1] < 0.6


def test_the_scans_of_an_unshifted_pass_resemble_the_recorded_ones(recorded):
    simulated, grid = PassConditions(lane=0.0).apply(recorded, remove_dynamic=False), ViewGrid()
    for index in (3, 8):
        drawn = [draw_panorama(scans[k].points, grid) for scans, k in (
            (recorded.scans, index), (simulated.scans, index), (recorded.scans, index + 1)
        )]  # fmt: skip
        real, same, next_scan = drawn
        both = np.all([view.mask for view in drawn], axis=0)
        assert (real.mask & same.mask).sum() > 0.85 * real.mask.sum()
        error, error_of_next = (np.abs(np.log(view.range[both] / real.range[both])) for view in (same, next_scan))
        assert np.median(error) < 0.5 * np.median(error_of_next)


def test_a_pass_next_to_the_recorded_one_sees_the_same_points_from_there(recorded):
    left = PassConditions(lane=3.5).apply(recorded)
    lateral = (inverse(recorded.path) @ left.path)[:, :3, 3]
    assert np.allclose(lateral, [0, 3.5, 0], atol=1e-6) and len(left.scans) == len(recorded.scans)
    assert np.allclose(left.recorded_positions(left.path), recorded.path[:, :3, 3])
    assert np.allclose(left.scans[4].T_map_lidar, (left.path @ left.T_base_lidar)[left.scan_rows[4]])


def test_what_stands_in_the_way_of_the_simulated_vehicle_is_left_out():
    x, y = np.meshgrid(np.arange(-20, 20, 0.1), np.arange(-8, 8, 0.1))
    road = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, -1.7)])
    post = np.column_stack([np.full(40, 6.0), np.full(40, 3.5), np.linspace(-1.6, 0.4, 40)])
    points = np.column_stack([np.vstack([road, post]), np.zeros(len(road) + 40)]).astype(np.float32)
    path = np.stack([pose_from_yaw(d, 0, 0, 0) for d in (0.0, 4, 8)])
    recorded = MappedPass(path, np.arange(3), [Scan(points, T) for T in path], np.eye(4), are_static=True)
    heights = {}
    for lane in (1.75, 3.5):
        seen = PassConditions(lane=lane).apply(recorded).scans[0].points
        heights[lane] = seen[np.hypot(seen[:, 0] - 6, seen[:, 1] + lane - 3.5) < 0.3, 2].max()
    assert heights[1.75] > 0 and heights[3.5] < -1.2


def test_a_reversed_vehicle_has_its_lidar_at_the_recorded_places(recorded):
    reverse = PassConditions(reverse=True).apply(recorded)
    assert np.allclose(reverse.lidar_positions, recorded.lidar_positions)
    assert np.allclose(reverse.forward_positions(reverse.path), recorded.path[:, :3, 3])
    assert abs(yaw_of(inverse(recorded.path[0]) @ reverse.path[0])) == pytest.approx(np.pi)


def test_a_cropped_camera_sees_the_middle_of_the_image(demo_camera):
    cropped, columns = crop_camera(demo_camera, 45)
    rays = np.array([[np.tan(np.deg2rad(a)), 0.05, 1] for a in (-22, 0, 15, 24)])
    (before, _), (after, seen) = demo_camera.camera.project(rays), cropped.camera.project(rays)
    assert np.allclose(after[:3] + np.array([columns.start, 0]), before[:3]) and seen.tolist() == [
        True,
        True,
        True,
        False,
    ]


def test_a_camera_with_positive_tilt_looks_lower_than_assumed_and_with_positive_roll_its_right_side_is(demo_drive):
    name = next(iter(demo_drive.cameras))
    for conditions, axis in ((CameraConditions(tilt=2.0), 2), (CameraConditions(roll=2.0), 0)):
        true, assumed = (d.cameras[name].T_base_camera for d in (demo_drive, conditions.apply(demo_drive, name)))
        assert np.rad2deg(np.arcsin(assumed[2, axis]) - np.arcsin(true[2, axis])) == pytest.approx(2, abs=0.01)
        assert np.allclose(true[:3, 3], assumed[:3, 3])


@pytest.mark.slow
@pytest.mark.parametrize("name", CONDITIONS)
def test_every_condition_can_be_evaluated_on_the_demo_excerpt(name, evaluator):
    metrics = evaluator.run(name).metrics
    localized, found = metrics.localized, metrics.localized.recall_at_1["10"]
    assert metrics.protocol == name and metrics.headings == "all"
    assert found.low <= found.recall <= found.high and (found.recall > found.chance or "lane" in name)
    assert localized.accepted_correct.count <= localized.accepted.count <= metrics.queries


@pytest.mark.slow
def test_the_localizer_finds_the_tilt_of_the_protocol(evaluator):
    results = [result for result in evaluator.run("tilt-2").localized if result.status is Status.SUCCESS]
    assert np.rad2deg(np.median([result.tilt.pitch for result in results])) == pytest.approx(2, abs=0.5)


@pytest.mark.slow
def test_the_lateral_error_is_that_of_the_lane_only_if_all_places_are_on_its_path(evaluator):
    as_driven, lane = (evaluator.run(name).metrics.localized for name in ("tilt-0", "lane-1.75"))
    assert abs(as_driven.lateral_m.mean) < 0.3 and abs(lane.lateral_m.mean) < 0.6
    on_path = Evaluator(evaluator.scene.drive, evaluator.bundle, SPARSE.model_copy(update={"lateral_reach": 0.0}))
    assert on_path.run("lane-1.75").metrics.localized.lateral_m.mean == pytest.approx(1.75, abs=0.3)
