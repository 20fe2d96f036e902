"""Tracking over the real images of the demo's street, and what may happen to a clock, an odometry or a vehicle."""

from dataclasses import replace

import numpy as np
import pytest

from liploc_ros.geometry import pose_from_yaw
from liploc_ros.geometry.se2 import compose, se2_of
from liploc_ros.localization import Localizer, LocalizerConfig
from liploc_ros.localization.tracking.config import TrackingConfig
from liploc_ros.localization.tracking.measurement import Sighting
from liploc_ros.localization.tracking.mixture_filter import Belief
from liploc_ros.localization.tracking.motion import Motion, motion_between
from liploc_ros.localization.tracking.result import PASSED_OVER, TrackingState

SECOND = 1_000_000_000
NOTHING = Sighting(np.zeros((0, 3)), np.zeros(0), np.zeros(0), np.ones(3))  # an image that matches nowhere


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
    assert tracked[-1].state is TrackingState.LOCALIZED and away(tracked[-1], frames[11][2]) < 1
    assert all(
        t.state is not TrackingState.LOCALIZED or away(t, T) < 2 for t, (_, _, T) in zip(tracked, frames, strict=False)
    )


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


@pytest.mark.parametrize("noise", [0.0, 3.0], ids=["frozen", "noisy"])
def test_an_image_shown_again_and_again_makes_nothing_surer(localizer, demo_camera, frames, noise, rng):
    """The vehicle stands, and its odometry trembles by half a centimetre."""
    image, stamp, T = frames[5]
    first = localizer.track(image, demo_camera, stamp, T)
    for i in range(1, 60):
        again = np.clip(image + noise * rng.standard_normal(image.shape), 0, 255).astype(np.uint8)
        trembling = T @ pose_from_yaw(*(0.005 * rng.standard_normal(2)), 0, 0)
        last = localizer.track(again, demo_camera, stamp + i * SECOND // 10, trembling)
    assert last.best.probability <= first.best.probability + 1e-6


def test_a_vehicle_that_stops_without_odometry_is_held_and_found_when_it_drives_on(localizer, demo_camera, frames, rng):
    before = drive(localizer, demo_camera, frames[:13], with_odometry=False)[-1]
    image, stamp, T = frames[12]
    for i in range(1, 100):
        noisy = np.clip(image + 3 * rng.standard_normal(image.shape), 0, 255).astype(np.uint8)
        held = localizer.track(noisy, demo_camera, stamp + i * SECOND // 5, None)
    assert away(before, T) < 2 and away(held, T) < 2
    rest = drive(localizer, demo_camera, [(i, t + 20 * SECOND, T) for i, t, T in frames[13:]], with_odometry=False)
    assert away(rest[-6], frames[-6][2]) < 2


def test_a_frozen_camera_without_odometry_is_no_image(localizer, demo_camera, frames):
    image, stamp, _ = drive(localizer, demo_camera, frames[:13], with_odometry=False) and frames[12]
    frozen = [localizer.track(image, demo_camera, stamp + i * SECOND // 2, None) for i in range(1, 12)]
    assert any("no new image for" in t.message for t in frozen)


def test_a_vehicle_that_parks_stays_localized(localizer, demo_camera, frames):
    image, stamp, T = drive(localizer, demo_camera, frames[:12]) and frames[11]
    for minute in range(10):
        parked = localizer.track(image, demo_camera, stamp + (minute + 1) * 60 * SECOND, T)
    assert parked.state is TrackingState.LOCALIZED and away(parked, T) < 1


def test_what_an_image_tells_by_itself_does_not_hang_on_what_was_tracked(demo_map, bundle, demo_camera, frames):
    """With a single candidate the index misses what tracking expects."""
    tracker, alone = (Localizer(demo_map, bundle, LocalizerConfig(candidates=1)) for _ in range(2))
    for image, stamp, T in frames[:15]:
        tracked = tracker.track(image, demo_camera, stamp, T).localization
        single = alone.localize(image, demo_camera, stamp)
        assert (tracked.status, tracked.message) == (single.status, single.message)


def test_a_clock_that_is_set_back_begins_tracking_anew(localizer, demo_camera, frames):
    drive(localizer, demo_camera, frames[:10])
    image, stamp, T = frames[3]
    again = localizer.track(image, demo_camera, stamp - 3600 * SECOND, T)
    assert "the clock went back by" in again.message and again.state is not TrackingState.LOCALIZED
    rest = drive(localizer, demo_camera, [(i, t - 3600 * SECOND, T) for i, t, T in frames[4:16]])
    assert rest[-1].state is TrackingState.LOCALIZED and away(rest[-1], frames[15][2]) < 1


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
    assert not any(t.state is TrackingState.LOCALIZED for t in wrong)


def test_two_cameras_weigh_one_belief_though_their_images_come_in_any_order(localizer, demo_camera, frames):
    """What is called the second camera is a frame behind, each time."""
    other = replace(demo_camera, frame_id="other")
    for (image, stamp, T), (old, earlier, T_earlier) in zip(frames[1:11], frames[:10], strict=True):
        shift = (stamp - earlier) - SECOND // 2  # as if the frames were half a second apart
        localizer.track(image, demo_camera, stamp, T)
        last = localizer.track(old, other, earlier + shift, T_earlier)
    assert last.localization is not None and away(last, frames[9][2]) < 1 and last.state is TrackingState.LOCALIZED
    way = np.linalg.norm(frames[9][2][:2, 3] - frames[8][2][:2, 3])
    assert localizer.tracker._seen["other"].way == 0 and localizer.tracker._seen[demo_camera.frame_id].way < 2 * way


def test_places_that_are_not_on_the_map_never_end_localized(demo_map, bundle, demo_camera, frames):
    """The first 70 m of the street are the map; the vehicle drives on the rest of it."""
    part = slice(0, 70)
    features = np.asarray(demo_map.features)[part]
    index = type(demo_map.index).build(features, bundle.spec.grid, bundle.spec.stride, bundle.spec.pool, 256)
    begun = replace(demo_map, T_map_base=demo_map.T_map_base[part], features=features, index=index)
    beyond = [f for f in frames if np.linalg.norm(begun.T_map_base[:, :2, 3] - f[2][:2, 3], axis=1).min() > 15]
    assert len(beyond) > 10
    tracked = drive(Localizer(begun, bundle), demo_camera, beyond)
    assert not any(t.state is TrackingState.LOCALIZED for t in tracked)


def test_hypotheses_come_most_probable_first_and_add_up_with_being_lost(localizer, demo_camera, frames):
    for image, stamp, T in frames:
        tracking, belief = localizer.track(image, demo_camera, stamp, T), localizer.tracker.belief
        shares = [h.probability for h in tracking.hypotheses]
        assert shares == sorted(shares, reverse=True) and tracking.lost + belief.probability.sum() == pytest.approx(1)
        assert all(np.linalg.eigvalsh(P).min() > 0 for P in belief.covariance)
        assert all(np.allclose(h.covariance, h.covariance.T, atol=1e-12) for h in tracking.hypotheses)


def test_trust_counts_in_the_order_of_hypotheses():
    belief = Belief(TrackingConfig(), poses=10)
    belief.add(np.array([[0.0, 0, 0], [50, 0, 0]]), np.eye(3)[None].repeat(2, 0), np.zeros((2, 0)), np.array([-3.0, 5]))
    belief.weigh(NOTHING, np.array([9.1, 9.0]), 1.0)
    assert list(belief.order) == [1, 0] and belief.probability[1] > belief.probability[0]


def test_images_taken_close_together_count_as_much_as_one():
    """Ten that are a tenth new each, or one that is all new."""
    once, often = (belief_at((0.0, 0.0, 0.0)) for _ in range(2))
    once.weigh(NOTHING, np.array([8.0]), 1.0)
    for _ in range(10):
        often.weigh(NOTHING, np.array([8.0]), 0.1)
    assert often.support[0] == pytest.approx(once.support[0])


def test_a_vehicle_that_reverses_is_compared_with_where_it_was():
    belief = belief_at((0.0, 0.0, 0.0))
    belief.state[0, 3] = -3.0
    motion = motion_between(1.0, None, None, belief.usual_speed, TrackingConfig())
    belief.move(motion)
    assert belief.state[0, 0] == -3 and motion.usual_step(belief.usual_speed) == pytest.approx([-3, 0, 0])


@pytest.mark.parametrize("rate", [1, 30])
def test_what_is_not_known_of_the_motion_does_not_hang_on_the_rate_of_images(rate):
    belief, config = belief_at((0.0, 0.0, 0.0)), TrackingConfig()
    belief.covariance[0, 3, 3], belief.state[0, 3] = 0.01, 5.0
    for _ in range(2 * rate):
        belief.move(motion_between(1 / rate, None, None, 5.0, config))
    assert np.sqrt(belief.covariance[0, 2, 2] - 0.01) == pytest.approx(config.turn_rate * np.sqrt(2), rel=0.01)


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
    assert compose(a, b) == pytest.approx(se2_of(T))
