"""Tracking over the real images of the demo's street, and what may happen to a clock, an odometry or a vehicle."""

from dataclasses import replace

import numpy as np
import pytest

from liploc_ros.geometry import pose_from_yaw
from liploc_ros.localization import Localizer
from liploc_ros.localization.belief import Belief, Motion
from liploc_ros.localization.planar import compose, planar_of
from liploc_ros.localization.sighting import Sighting
from liploc_ros.localization.tracking import PASSED_OVER, State
from liploc_ros.localization.tracking_config import TrackingConfig

SECOND = 1_000_000_000


@pytest.fixture(scope="module")
def shared_localizer(demo_map, bundle):
    return Localizer(demo_map, bundle)


@pytest.fixture
def localizer(shared_localizer):
    shared_localizer.tracker.forget()
    return shared_localizer


@pytest.fixture(scope="module")
def frames(demo_drive, demo_camera):
    """(image, stamp, pose) of the demo's images."""
    return [(f.images[demo_camera.frame_id](), f.stamp_ns, f.T_map_base) for f in demo_drive.images()]


def away(tracking, T_map_base):
    return np.linalg.norm(tracking.best.T_map_base[:2, 3] - T_map_base[:2, 3])


def drive(localizer, camera, frames, with_odometry=True):
    return [localizer.track(image, camera, stamp, T if with_odometry else None) for image, stamp, T in frames]


def test_a_drive_from_an_unknown_start_ends_localized_where_the_vehicle_is(localizer, demo_camera, frames):
    tracked = drive(localizer, demo_camera, frames[:12])
    assert tracked[-1].state is State.LOCALIZED and away(tracked[-1], frames[11][2]) < 1
    assert all(t.state is not State.LOCALIZED or away(t, T) < 2 for t, (_, _, T) in zip(tracked, frames, strict=False))


def test_it_is_localized_without_odometry_too_but_less_sure(localizer, demo_camera, frames):
    sure = drive(localizer, demo_camera, frames[:12])[-1]
    localizer.tracker.forget()
    unsure = drive(localizer, demo_camera, frames[:12], with_odometry=False)[-1]
    assert away(unsure, frames[11][2]) < 2
    assert np.trace(unsure.best.covariance[:2, :2]) > np.trace(sure.best.covariance[:2, :2])


def test_a_gap_without_images_is_bridged_by_odometry(localizer, demo_camera, frames):
    drive(localizer, demo_camera, frames[:10])
    before = localizer.tracker.belief.covariance[0, :2, :2].trace()
    black = np.zeros_like(frames[0][0])
    bridged = localizer.track(black, demo_camera, frames[18][1], frames[18][2])
    assert away(bridged, frames[18][2]) < 2 and np.trace(bridged.best.covariance[:2, :2]) > before


@pytest.mark.parametrize("earlier", [0, SECOND // 4], ids=["repeated", "out of order"])
def test_a_stamp_that_is_not_newer_is_passed_over(localizer, demo_camera, frames, earlier):
    last = drive(localizer, demo_camera, frames[:8])[-1]
    image, stamp, T = frames[7]
    again = localizer.track(image, demo_camera, stamp - earlier, T)
    assert again.localization is None and again.message == PASSED_OVER
    assert again.state is last.state and np.array_equal(again.best.T_map_base, last.best.T_map_base)


def test_an_image_shown_again_and_again_makes_nothing_surer(localizer, demo_camera, frames):
    image, stamp, T = frames[5]
    first = localizer.track(image, demo_camera, stamp, T)
    for i in range(1, 30):
        last = localizer.track(image, demo_camera, stamp + i * SECOND // 10, T)
    assert last.best.probability <= first.best.probability + 1e-6


def test_a_clock_that_is_set_back_begins_tracking_anew(localizer, demo_camera, frames):
    drive(localizer, demo_camera, frames[:10])
    image, stamp, T = frames[3]
    again = localizer.track(image, demo_camera, stamp - 3600 * SECOND, T)
    assert "the clock went back by" in again.message and again.state is not State.LOCALIZED
    rest = drive(localizer, demo_camera, [(i, t - 3600 * SECOND, T) for i, t, T in frames[4:16]])
    assert rest[-1].state is State.LOCALIZED and away(rest[-1], frames[15][2]) < 1


def test_odometry_that_jumps_begins_tracking_anew(localizer, demo_camera, frames):
    drive(localizer, demo_camera, frames[:10])
    image, stamp, T = frames[10]
    assert "odometry jumped" in localizer.track(image, demo_camera, stamp, T @ pose_from_yaw(500, 0, 0, 0)).message


def test_a_kidnapped_vehicle_finds_itself_again(localizer, demo_camera, frames):
    """Carried 25 images ahead while its odometry tells of a short step."""
    drive(localizer, demo_camera, frames[:12])
    T_odom_odom = frames[11][2] @ np.linalg.inv(frames[24][2])
    later = frames[11][1] - frames[24][1]
    moved = drive(localizer, demo_camera, [(i, t + later, T_odom_odom @ T) for i, t, T in frames[25:36]])
    assert away(moved[-1], frames[35][2]) < 1
    wrong = [t for t, (_, _, T) in zip(moved[3:], frames[28:36], strict=True) if away(t, T) > 5]
    assert not any(t.state is State.LOCALIZED for t in wrong)


def test_two_cameras_weigh_one_belief_though_their_images_come_in_any_order(localizer, demo_camera, frames):
    """The second camera is the first turned about: its images are half a second older, and handed over later."""
    other = replace(demo_camera, frame_id="other")
    for image, stamp, T in frames[:10]:
        localizer.track(image, demo_camera, stamp + SECOND // 2, T)
        last = localizer.track(image, other, stamp, T)
    assert last.localization is not None and len({h.place_id for h in last.hypotheses}) == len(last.hypotheses)
    assert away(last, frames[9][2]) < 1 and last.state is State.LOCALIZED


def test_an_image_of_another_street_never_ends_localized(localizer, demo_camera, frames):
    """Mirrored images are of a street like this one that is nowhere on the map."""
    mirrored = [(np.ascontiguousarray(image[:, ::-1]), stamp, T) for image, stamp, T in frames]
    assert not any(t.state is State.LOCALIZED for t in drive(localizer, demo_camera, mirrored))


def test_covariances_stay_positive_definite_and_probabilities_add_up(localizer, demo_camera, frames):
    for tracking in drive(localizer, demo_camera, frames):
        assert sum(h.probability for h in tracking.hypotheses) <= 1 + 1e-9
        for hypothesis in tracking.hypotheses:
            assert np.allclose(hypothesis.covariance, hypothesis.covariance.T, atol=1e-12)
            assert np.linalg.eigvalsh(hypothesis.covariance).min() > 0


def belief_at(pose, sigma=0.1):
    belief = Belief(TrackingConfig(), poses=1000)
    belief.add(np.array([pose]), np.eye(3)[None] * sigma**2, np.zeros((1, 0)), np.ones(1))
    return belief


def test_a_belief_is_carried_as_odometry_says_and_grows(rng):
    """Against a thousand vehicles that each err by the noise."""
    belief = belief_at((3.0, -2.0, 0.7))
    step, noise = np.array([4.0, 0.2, 0.3]), np.array([0.3, 0.2, 0.05])
    vehicles = np.array([3.0, -2.0, 0.7]) + 0.1 * rng.standard_normal((20_000, 3))
    belief.move(Motion(0.5, step, noise))
    moved = compose(compose(vehicles, step), noise * rng.standard_normal((len(vehicles), 3)))
    assert np.allclose(belief.state[0, :3], moved.mean(axis=0), atol=0.05)
    assert np.allclose(belief.covariance[0, :3, :3], np.cov(moved.T), atol=0.03)


def test_an_image_draws_a_hypothesis_to_where_it_matches():
    belief = belief_at((0.0, 0.0, 0.0), sigma=0.5)
    match = Sighting(np.array([[1.0, 0.0, 0.0]]), np.zeros(1), np.array([3.0]), np.array([0.5, 0.5, 0.5]))
    belief.weigh(match, np.array([1.0]), 1.0)
    assert belief.state[0, :2] == pytest.approx([0.5, 0.0]) and belief.covariance[0, 0, 0] == pytest.approx(0.125)
    assert belief.trust[0] > 1


def test_planar_poses_of_one_another_are_those_of_matrices(rng):
    a, b = rng.uniform(-3, 3, (2, 3))
    T = pose_from_yaw(a[0], a[1], 0, a[2]) @ pose_from_yaw(b[0], b[1], 0, b[2])
    assert compose(a, b) == pytest.approx(planar_of(T))
