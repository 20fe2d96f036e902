# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tracking over the real images of the demo's street, with faults of clock, odometry and vehicle."""

from dataclasses import replace

import numpy as np
import pytest

from liploc_ros.geometry import pose_from_yaw
from liploc_ros.localization import Localizer, LocalizerConfig, Status, TrackingState
from liploc_ros.localization.config import MatchingConfig, TrackingConfig
from liploc_ros.localization.tracking.result import OUTDATED
from liploc_ros.mapping import PlaceIndex
from liploc_ros.mapping.feature_table import PlainFeatures
from liploc_ros.mapping.lattice import PlaceLattice

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def shared_localizer(demo_map, bundle):
    return Localizer(demo_map, bundle)


@pytest.fixture
def localizer(shared_localizer):
    shared_localizer.tracker.reset()
    return shared_localizer


@pytest.fixture(scope="module")
def frames(demo_drive, demo_camera):
    """(image, stamp, pose) of the demo's images."""
    return [(f.images[demo_camera.frame_id](), f.stamp_ns, f.T_map_base) for f in demo_drive.images()]


def error(result, T_map_base):
    return np.linalg.norm(result.best.T_map_base[:2, 3] - T_map_base[:2, 3])


def drive(localizer, camera, frames, with_odometry=True):
    return [localizer.track(image, camera, stamp, T if with_odometry else None) for image, stamp, T in frames]


def test_from_an_unknown_start_the_vehicle_is_localized_correctly(localizer, demo_camera, frames):
    results = drive(localizer, demo_camera, frames[:12])
    assert results[-1].state is TrackingState.LOCALIZED and error(results[-1], frames[11][2]) < 1
    localized = [(r, T) for r, (_, _, T) in zip(results, frames, strict=False) if r.state is TrackingState.LOCALIZED]
    assert all(error(r, T) < 2 for r, T in localized)


def test_without_odometry_the_vehicle_is_localized_less_precisely(localizer, demo_camera, frames):
    precise = drive(localizer, demo_camera, frames[:12])[-1]
    localizer.tracker.reset()
    imprecise = drive(localizer, demo_camera, frames[:12], with_odometry=False)[-1]
    assert error(imprecise, frames[11][2]) < 2
    assert np.trace(imprecise.best.covariance[:2, :2]) > np.trace(precise.best.covariance[:2, :2])


def test_odometry_bridges_a_gap_without_images_and_uncertainty_grows(localizer, demo_camera, frames):
    before = drive(localizer, demo_camera, frames[:10])[-1]
    black = np.zeros_like(frames[0][0])
    after = localizer.track(black, demo_camera, frames[18][1], frames[18][2])
    assert error(after, frames[18][2]) < 2
    assert np.trace(after.best.covariance[:2, :2]) > np.trace(before.best.covariance[:2, :2])


@pytest.mark.parametrize("earlier", [0, SECOND // 4], ids=["repeated", "out of order"])
def test_an_image_that_is_not_newer_is_ignored(localizer, demo_camera, frames, earlier):
    last = drive(localizer, demo_camera, frames[:8])[-1]
    image, stamp, T = frames[7]
    again = localizer.track(image, demo_camera, stamp - earlier, T)
    assert again.localization is None and again.message == OUTDATED
    assert again.state is last.state and np.array_equal(again.best.T_map_base, last.best.T_map_base)


@pytest.mark.parametrize("noise", [0.0, 3.0], ids=["frozen", "noisy"])
@pytest.mark.slow
def test_repeating_an_image_does_not_raise_the_probability(localizer, demo_camera, frames, noise, rng):
    """The vehicle stands, and its odometry has a noise of half a centimetre."""
    image, stamp, T = frames[5]
    first = localizer.track(image, demo_camera, stamp, T)
    for i in range(1, 60):
        again = np.clip(image + noise * rng.standard_normal(image.shape), 0, 255).astype(np.uint8)
        noisy = T @ pose_from_yaw(*(0.005 * rng.standard_normal(2)), 0, 0)
        last = localizer.track(again, demo_camera, stamp + i * SECOND // 10, noisy)
    assert last.best.probability <= first.best.probability + 1e-6


@pytest.mark.slow
def test_a_vehicle_that_stops_without_odometry_keeps_its_pose_and_is_tracked_on(localizer, demo_camera, frames, rng):
    before = drive(localizer, demo_camera, frames[:13], with_odometry=False)[-1]
    image, stamp, T = frames[12]
    for i in range(1, 100):
        noisy = np.clip(image + 3 * rng.standard_normal(image.shape), 0, 255).astype(np.uint8)
        standing = localizer.track(noisy, demo_camera, stamp + i * SECOND // 5, None)
    assert error(before, T) < 2 and error(standing, T) < 2
    rest = drive(localizer, demo_camera, [(i, t + 20 * SECOND, T) for i, t, T in frames[13:]], with_odometry=False)
    assert error(rest[-6], frames[-6][2]) < 2


def test_a_frozen_camera_without_odometry_counts_as_no_image(localizer, demo_camera, frames):
    image, stamp, _ = drive(localizer, demo_camera, frames[:13], with_odometry=False) and frames[12]
    frozen = [localizer.track(image, demo_camera, stamp + i * SECOND // 2, None) for i in range(1, 12)]
    assert any("no new image for" in result.message for result in frozen)


def test_a_parked_vehicle_stays_localized(localizer, demo_camera, frames):
    image, stamp, T = drive(localizer, demo_camera, frames[:12]) and frames[11]
    for minute in range(10):
        parked = localizer.track(image, demo_camera, stamp + (minute + 1) * 60 * SECOND, T)
    assert parked.state is TrackingState.LOCALIZED and error(parked, T) < 1


def test_the_localization_of_a_single_image_is_independent_of_what_tracking_predicts(
    demo_map, bundle, demo_camera, frames
):
    """With a single candidate the search misses what tracking predicts."""
    config = LocalizerConfig(matching=MatchingConfig(candidates=1), tracking=TrackingConfig(search_radius=0))
    tracking, alone = (Localizer(demo_map, bundle, config) for _ in range(2))
    for image, stamp, T in frames[:15]:
        tracked = tracking.track(image, demo_camera, stamp, T).localization
        single = alone.localize(image, demo_camera, stamp)
        assert (tracked.status, tracked.message) == (single.status, single.message)


@pytest.fixture
def known_pose(localizer, demo_camera, frames):
    """Tracking that is LOCALIZED at frame 20; the whole map was searched just before."""
    drive(localizer, demo_camera, frames[:20])
    image, stamp, T = frames[20]
    assert localizer.track(image, demo_camera, stamp, T, whole_map=True).state is TrackingState.LOCALIZED
    return localizer


def test_while_the_pose_is_known_an_image_is_compared_with_the_places_around_it(known_pose, demo_camera, frames):
    image, _, T = frames[21]
    found = known_pose.track(image, demo_camera, frames[20][1] + SECOND // 10, T)
    assert not found.localization.whole_map and "search" not in known_pose.timer.steps
    assert found.localization.status is Status.SUCCESS and error(found, T) < 1


def test_the_whole_map_is_searched_if_the_places_around_the_pose_do_not_explain_an_image(
    known_pose, demo_camera, frames
):
    mirrored, _, T = frames[21]
    found = known_pose.track(np.ascontiguousarray(mirrored[:, ::-1]), demo_camera, frames[20][1] + SECOND // 10, T)
    assert found.localization.whole_map


def test_the_whole_map_is_searched_on_request_and_once_in_a_period(known_pose, demo_camera, frames):
    image, _, T = frames[21]
    shortly_after, later = frames[20][1] + SECOND // 10, frames[20][1] + SECOND
    assert known_pose.track(image, demo_camera, shortly_after, T, whole_map=True).localization.whole_map
    assert known_pose.track(image, demo_camera, later, T).localization.whole_map


def test_tracking_restarts_when_the_clock_is_set_back(localizer, demo_camera, frames):
    drive(localizer, demo_camera, frames[:10])
    image, stamp, T = frames[3]
    again = localizer.track(image, demo_camera, stamp - 3600 * SECOND, T)
    assert "the clock went back by" in again.message and again.state is not TrackingState.LOCALIZED
    rest = drive(localizer, demo_camera, [(i, t - 3600 * SECOND, T) for i, t, T in frames[4:16]])
    assert rest[-1].state is TrackingState.LOCALIZED and error(rest[-1], frames[15][2]) < 1


def test_tracking_restarts_when_odometry_jumps(localizer, demo_camera, frames):
    drive(localizer, demo_camera, frames[:10])
    image, stamp, T = frames[10]
    jumped = localizer.track(image, demo_camera, stamp, T @ pose_from_yaw(500, 0, 0, 0))
    assert "odometry jumped" in jumped.message and "tracking restarted" in jumped.message


def test_a_kidnapped_vehicle_is_localized_again(localizer, demo_camera, frames):
    """Moved 25 images ahead while its odometry measures a short step."""
    drive(localizer, demo_camera, frames[:12])
    T_odom_odom = frames[11][2] @ np.linalg.inv(frames[24][2])
    later = frames[11][1] - frames[24][1]
    moved = drive(localizer, demo_camera, [(i, t + later, T_odom_odom @ T) for i, t, T in frames[25:36]])
    assert error(moved[-1], frames[35][2]) < 1
    wrong = [r for r, (_, _, T) in zip(moved[3:], frames[28:36], strict=True) if error(r, T) > 5]
    assert not any(r.state is TrackingState.LOCALIZED for r in wrong)


def test_two_cameras_update_one_belief_and_their_images_may_come_out_of_order(localizer, demo_camera, frames):
    """The images of the second camera are one frame older."""
    other = replace(demo_camera, frame_id="other")
    for (image, stamp, T), (old, earlier, T_earlier) in zip(frames[1:11], frames[:10], strict=True):
        shift = (stamp - earlier) - SECOND // 2  # as if the frames were half a second apart
        localizer.track(image, demo_camera, stamp, T)
        last = localizer.track(old, other, earlier + shift, T_earlier)
    assert last.localization is not None and last.best.camera == "other"
    assert error(last, frames[9][2]) < 1 and last.state is TrackingState.LOCALIZED


@pytest.mark.slow
def test_a_vehicle_off_the_map_is_never_localized(plain_map, bundle, demo_camera, frames):
    """The map is the first 70 m of the street; the vehicle drives on the rest."""
    part = slice(0, 70)
    features = np.asarray(plain_map.features)[part]
    index = PlaceIndex.build(features, bundle.spec, 256)
    lattice, poses = PlaceLattice.along_path(70), plain_map.T_map_base[part]
    first_part = replace(plain_map, T_map_base=poses, lattice=lattice, features=PlainFeatures(features), index=index)
    positions = first_part.T_map_base[:, :2, 3]
    off_map = [f for f in frames if np.linalg.norm(positions - f[2][:2, 3], axis=1).min() > 15]
    assert len(off_map) > 10
    results = drive(Localizer(first_part, bundle), demo_camera, off_map)
    assert not any(result.state is TrackingState.LOCALIZED for result in results)


def test_probabilities_of_all_hypotheses_and_of_being_lost_sum_to_one(demo_map, bundle, demo_camera, frames):
    config = LocalizerConfig(matching=MatchingConfig(max_hypotheses=255))  # all are reported
    localizer = Localizer(demo_map, bundle, config)
    for image, stamp, T in frames:
        result = localizer.track(image, demo_camera, stamp, T)
        probabilities = [h.probability for h in result.hypotheses]
        assert probabilities == sorted(probabilities, reverse=True) and min(probabilities) >= 0
        assert result.probability_lost >= 0 and result.probability_lost + sum(probabilities) == pytest.approx(1)
        assert all(np.linalg.eigvalsh(h.covariance).min() > 0 for h in result.hypotheses)


def test_a_restored_tracker_continues_as_the_original(localizer, demo_camera, frames):
    drive(localizer, demo_camera, frames[:8])
    snapshot = localizer.tracker.snapshot()
    first = drive(localizer, demo_camera, frames[8:12])[-1]
    localizer.tracker.reset()
    for _ in range(2):  # a snapshot can be restored again
        localizer.tracker.restore(snapshot)
        again = drive(localizer, demo_camera, frames[8:12])[-1]
        assert np.array_equal(again.best.T_map_base, first.best.T_map_base)
        assert again.best.probability == first.best.probability and again.message == first.message
