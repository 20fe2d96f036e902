# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Protocols, compared with slow and obvious implementations."""

from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.evaluation import EvaluationError, EvaluationOptions, Evaluator, Protocol, evaluate
from liploc_ros.evaluation.confidence_samples import gather_samples
from liploc_ros.evaluation.database import database_of
from liploc_ros.evaluation.descriptors import StoredDescriptors
from liploc_ros.evaluation.liploc_released_metric import released_positions
from liploc_ros.evaluation.metrics import GroundTruth, recalls
from liploc_ros.evaluation.provenance import dataset_of, drive_of, is_in_training
from liploc_ros.evaluation.rates import acceptance_curve, chance_of, rate
from liploc_ros.evaluation.retrieval import Ranking, rank
from liploc_ros.evaluation.scene import Scene
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.localization import Localizer, LocalizerConfig
from liploc_ros.localization.calibration.outcomes import outcome_of
from liploc_ros.localization.config import MatchingConfig
from liploc_ros.localization.feature_comparison import MatchScore
from liploc_ros.mapping import PlaceIndex
from liploc_ros.mapping.features import describe
from liploc_ros.views import CameraViewer, Scan, StaticScans, draw_virtual_view

SPARSE = EvaluationOptions(place_spacing=4.0, scans_per_place=2)


@pytest.fixture
def there_and_back(demo_camera):
    """A drive 60 m east and back again, with an image and a scan per metre, and a frame per second."""
    xs = [*range(61), *range(59, -1, -1)]
    poses = [pose_from_yaw(x, 0, 0, 0 if i <= 60 else np.pi) for i, x in enumerate(xs)]
    frames = [
        Frame(i * 10**9, T, {demo_camera.frame_id: lambda: None}, lambda: np.zeros((1, 4), np.float32))
        for i, T in enumerate(poses)
    ]
    return Drive("simulated", Path("simulated"), tuple(frames), {demo_camera.frame_id: demo_camera}, np.eye(4))


def test_recall_over_a_gap_is_that_of_a_slow_and_obvious_implementation(demo_drive, demo_camera, bundle):
    """Known heading, uncompressed: every place is drawn and compared by hand."""
    encoders, grid, stride = bundle.encoders(), bundle.spec.grid, bundle.spec.stride
    images = [f for f in demo_drive.images() if f.T_map_base is not None]
    scans = [Scan(f.read_points(), f.T_map_base @ demo_drive.T_base_lidar) for f in demo_drive.scans()]
    at_scans = np.array([f.T_map_base[:3, 3] for f in demo_drive.scans()])
    at_images = np.array([f.T_map_base[:3, 3] for f in images])
    result = evaluate(demo_drive, bundle, "gap-8", SPARSE.model_copy(update={"refine": False}))
    places, views = result.database.T_map_base, []
    static = StaticScans(scans, at_scans)
    T_base_view = np.eye(4)
    T_base_view[:3, 3] = demo_drive.T_base_lidar[:3, 3]
    for T in places:
        behind, ahead = [], []
        near_query = min(at_images, key=lambda image: np.linalg.norm(image - T[:3, 3]))
        for k, scan in enumerate(at_scans):  # this drive never returns
            if np.linalg.norm(scan - T[:3, 3]) >= 8 and np.linalg.norm(scan - near_query) >= 8:
                (ahead if (scan - T[:3, 3]) @ T[:3, 0] > 0 else behind).append(k)
        far = np.isin(np.arange(len(scans)), [*behind, *ahead])
        around = [static.static_scan(k, far) for k in [*behind[-1:], *ahead[:1]]]
        features = encoders.encode_panorama(draw_virtual_view(around, T @ T_base_view, grid))
        first = (grid.panorama_width - grid.width) // 2 // stride
        views.append(describe(np.rint(features[:, first : first + grid.width // stride] * 127), bundle.spec.pool))
    viewer = CameraViewer(grid, demo_camera)
    errors = []
    for frame in images:
        query = describe(encoders.encode_camera(viewer.draw(frame.images[demo_camera.frame_id]())), bundle.spec.pool)
        best = max(range(len(views)), key=lambda p: query @ views[p])
        errors.append(np.linalg.norm((places[best] - frame.T_map_base)[:2, 3]))
    for threshold in (2, 5, 10):
        expected = np.mean(np.array(errors) < threshold)
        assert result.metrics.full.recall_at_1[f"{threshold}"].recall == pytest.approx(expected)
    assert 0.2 < np.mean(np.array(errors) < 5) <= 1


def test_stored_descriptors_rank_places_as_the_map_index_does(plain_map, demo_drive, demo_camera, bundle):
    encoders, grid = bundle.encoders(), bundle.spec.grid
    frame = next(demo_drive.images())
    features = encoders.encode_camera(CameraViewer(grid, demo_camera).draw(frame.images[demo_camera.frame_id]()))
    index = PlaceIndex.build(plain_map.features.array, bundle.spec, 256, heading_step=1)
    stored = StoredDescriptors(index, bundle.spec.pool)
    ranking = rank(stored.of_views([features]), stored, len(index.places), None, None, 5)
    best = index.search(features, 1)[0]
    assert (ranking.places[0, 0], ranking.headings[0, 0]) == (best.place, best.heading)
    assert ranking.scores[0, 0] == pytest.approx(best.score, abs=1e-4) and stored.bytes == 256


def test_the_outcome_of_a_confidence_sample_is_what_the_localizer_finds(demo_drive, demo_camera, bundle):
    samples = gather_samples(demo_drive, [], bundle, SPARSE, ["gap-8"])
    exact_mount = LocalizerConfig(matching=MatchingConfig(tilt_reach=0))
    localizer = Localizer(Evaluator(demo_drive, bundle, SPARSE).map_of("gap-8"), bundle, exact_mount)
    weights = MatchScore.of(bundle.spec.confidence_model, 8).row_weights
    frames = [frame for frame in demo_drive.images() if frame.T_map_base is not None]
    assert len(samples) == len(frames)
    for frame, sample in list(zip(frames, samples, strict=True))[::10]:
        best = localizer.localize(frame.images[demo_camera.frame_id](), demo_camera, frame.stamp_ns).best
        error = np.linalg.norm(best.T_map_base[:2, 3] - frame.T_map_base[:2, 3])
        assert outcome_of(sample, weights, MatchingConfig()).position_error == pytest.approx(error, abs=1e-3)


@pytest.mark.parametrize("gap", [0.0, 3.0, 8.0])
def test_no_place_is_drawn_from_a_scan_nearer_than_the_gap(there_and_back, gap):
    scene = Scene.of(there_and_back)
    places = database_of(
        scene, Protocol(kind="gap", value=gap), EvaluationOptions(place_spacing=1.7, scans_per_place=2)
    ).places
    scans, queries = scene.path[scene.scan_rows, :3, 3], scene.path[scene.query_rows, :3, 3]
    for T, chosen in zip(places.T_map_base, places.keyframes, strict=True):
        nearest = queries[np.argmin(np.linalg.norm(queries - T[:3, 3], axis=1))]
        distance = np.linalg.norm(scans[chosen][:, None] - np.stack([T[:3, 3], nearest])[None], axis=2)
        assert distance.min() >= gap and distance.max() < gap + 2.01
    assert len(places.T_map_base) == round(120 / 1.7) + 1


def test_without_a_gap_a_place_at_a_frame_is_drawn_from_its_own_scan_alone(there_and_back):
    scene = Scene.of(there_and_back)
    places = database_of(scene, Protocol.parse("gap-0"), EvaluationOptions(places="frames", scans_per_place=2)).places
    assert places.keyframes[7].tolist() == [7, 7] and np.allclose(places.T_map_base[7], scene.path[7])


def test_scans_within_the_time_are_excluded_and_revisits_are_older(there_and_back):
    scene = Scene.of(there_and_back)
    excluded = database_of(scene, Protocol.parse("exclude-5"), SPARSE).allowed
    assert np.flatnonzero(~excluded[50]).tolist() == list(range(45, 56))
    assert np.flatnonzero(database_of(scene, Protocol.parse("revisit"), SPARSE).allowed[50]).tolist() == list(range(20))


def test_a_revisit_in_the_opposite_direction_is_counted_as_such(demo_drive, bundle):
    """The excerpt, and the same images ten minutes later from a vehicle with the opposite heading."""
    last = demo_drive.frames[-1].stamp_ns
    turn = pose_from_yaw(0, 0, 0, np.pi)
    cameras = {k: replace(c, T_base_camera=turn @ c.T_base_camera) for k, c in demo_drive.cameras.items()}
    scans = [Frame(f.stamp_ns, f.T_map_base, {}, f.read_points) for f in demo_drive.scans()]
    again = [
        Frame(last + 600 * 10**9 + f.stamp_ns - demo_drive.frames[0].stamp_ns, f.T_map_base @ turn, f.images)
        for f in list(demo_drive.images())[::3]
    ]
    drive = replace(demo_drive, frames=(*scans, *again), cameras=cameras)
    metrics = evaluate(drive, bundle, "revisit").metrics
    assert metrics.headings == "all" and metrics.same_heading.recall_at_1 == {}
    found = metrics.opposite_heading.recall_at_1["10"]
    assert found.queries == 14 and found.recall > 5 * found.chance
    assert metrics.localized.median_heading_error_deg < 5


def test_a_drive_without_revisits_is_refused(demo_drive, bundle):
    with pytest.raises(EvaluationError, match="revisits places"):
        evaluate(demo_drive, bundle, "revisit")


def test_queries_without_a_correct_place_are_not_counted():
    truth = GroundTruth(np.array([[0.0, 0], [100, 0]]), np.array([[1.0, 0], [5, 0]]), None, (2.0, 4.0), True)
    ranking = Ranking(np.array([[1, 0], [1, 0]]), np.zeros((2, 2), int), np.ones((2, 2), np.float32))
    at_1, at_5, _ = recalls(truth, ranking)
    assert (at_1["2"].queries, at_1["2"].recall, at_1["2"].chance) == (1, 0.0, 0.5)
    assert at_5["2"].recall == at_5["2"].chance == 1.0


def test_the_interval_is_that_of_wilson():
    p, n, z = 0.9, 20, 1.959964
    middle, half = (p + z**2 / 2 / n) / (1 + z**2 / n), z * np.sqrt(p * (1 - p) / n + (z / 2 / n) ** 2) / (1 + z**2 / n)
    got = rate(np.arange(n) < 18, np.zeros(n))
    assert (got.recall, got.low, got.high) == pytest.approx((p, middle - half, middle + half))


def test_chance_is_the_share_of_draws_with_a_correct_place():
    draws = list(combinations(range(7), 3))
    expected = np.mean([any(place < 2 for place in draw) for draw in draws])
    assert chance_of(np.array([2, 0, 7]), np.array([7, 7, 7]), 3) == pytest.approx([expected, 0, 1])


def test_the_acceptance_curve_starts_at_the_best_score():
    points = acceptance_curve(np.array([0.1, 0.9, 0.5]), np.array([False, True, True]))
    assert [(p.score, p.precision) for p in points] == [(0.9, 1.0), (0.5, 1.0), (0.1, pytest.approx(2 / 3))]


def test_the_released_metric_ignores_the_lateral_distance(there_and_back):
    scene = Scene.of(there_and_back)
    forward, lateral = released_positions(scene, np.stack([pose_from_yaw(30, 0, 0, 0), pose_from_yaw(0, 30, 0, 0)]))
    assert np.linalg.norm(forward) == pytest.approx(30, abs=0.1) and np.linalg.norm(lateral) < 1
    north = released_positions(
        Scene.of(replace(there_and_back, name="2013_05_28_drive_0000")), pose_from_yaw(9, 8, 7, 0)[None]
    )
    assert north.tolist() == [[8, 7]]


@pytest.mark.parametrize("name", ["same-frame", "gap-8", "gap-2.5", "exclude-30", "revisit", "zero-shot-gap-8"])
def test_the_name_of_a_protocol_is_the_name_it_was_parsed_from(name):
    assert Protocol.parse(name).name == name


@pytest.mark.parametrize("name", ["", "gap", "gap-x", "gap--1", "gap-inf", "exclude-", "zero-shot-", "zero-shotgap-8"])
def test_other_names_are_refused(name):
    with pytest.raises(EvaluationError, match="no protocol"):
        Protocol.parse(name)


def test_zero_shot_is_refused_for_a_model_of_the_same_dataset(demo_drive, bundle):
    with pytest.raises(EvaluationError, match="trained on kitti"):
        evaluate(demo_drive, bundle, "zero-shot")


def test_recordings_of_the_same_drive_are_recognized():
    assert drive_of("kitti_odometry_08") == drive_of("2011_09_30_drive_0028_sync") == "2011_09_30_drive_0028"
    assert is_in_training("kitti_0013_excerpt", ["2011_09_26_drive_0013"])
    assert not is_in_training("kitti_odometry_11", ["2011_09_26_drive_0013"])
    names = "kitti_odometry_11", "object_training_000001", "2013_05_28_drive_0000", "mine"
    assert [dataset_of(name) for name in names] == ["kitti", "kitti", "kitti-360", "mine"]


def test_a_drive_that_cannot_be_evaluated_is_refused_with_the_reason(demo_drive, bundle):
    with pytest.raises(EvaluationError, match="choose one of"):
        evaluate(demo_drive, bundle, "gap-8", EvaluationOptions(camera="rear"))
    with pytest.raises(EvaluationError, match="nothing to localize"):
        Evaluator(replace(demo_drive, frames=tuple(demo_drive.scans())), bundle)
    with pytest.raises(EvaluationError, match="choose a smaller gap"):
        evaluate(demo_drive, bundle, "gap-9000")
