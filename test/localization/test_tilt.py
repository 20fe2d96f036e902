# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Cameras that look lower or higher than their mounts say."""

import numpy as np
import pytest

from liploc_ros.localization import Localizer, LocalizerConfig, Status
from liploc_ros.localization.config import MatchingConfig
from liploc_ros.localization.tilt import MIN_IMAGES, NO_TILT, Tilt, TiltEstimate, peak_of, pitches_within, tilted

EXACT = LocalizerConfig(matching=MatchingConfig(tilt_reach=0))


@pytest.fixture(scope="module")
def frames(demo_drive, demo_camera):
    """(image, pose) of every second image of the demo."""
    return [(f.images[demo_camera.frame_id](), f.T_map_base) for f in list(demo_drive.images())[::2]]


def found(localizer, camera, frames):
    """Return how many images are found within 2 m."""
    results = [(localizer.localize(image, camera, 0).best, T) for image, T in frames]
    return sum(np.linalg.norm((best.T_map_base - T)[:2, 3]) < 2 for best, T in results if best is not None)


@pytest.mark.parametrize(("pitch", "roll"), [(-2.0, 0.0), (1.5, 0.0), (0.5, 2.0)])
def test_images_of_a_tilted_camera_are_found_and_the_tilt_is_measured(
    demo_map, bundle, demo_camera, frames, pitch, roll
):
    wrong_mount = tilted(demo_camera, Tilt(*np.deg2rad([pitch, roll])))
    localizer, without = Localizer(demo_map, bundle), Localizer(demo_map, bundle, EXACT)
    assert found(localizer, wrong_mount, frames) >= max(19, found(without, wrong_mount, frames))
    tilt = localizer.tilt_of(wrong_mount)
    assert tilt.is_known and tilt.tilt.degrees == (pytest.approx(-pitch, abs=0.5), pytest.approx(-roll, abs=1.0))


def test_without_the_search_a_camera_that_looks_2_degrees_too_high_is_lost(demo_map, bundle, demo_camera, frames):
    wrong_mount = tilted(demo_camera, Tilt(np.deg2rad(-2.0)))
    assert found(Localizer(demo_map, bundle, EXACT), wrong_mount, frames) < 15


def test_once_the_tilt_is_known_an_accepted_image_is_encoded_at_this_tilt_only(demo_map, bundle, demo_camera, frames):
    localizer = Localizer(demo_map, bundle)
    for _ in range(MIN_IMAGES):
        localizer.tilt_of(demo_camera).add(Tilt(0.01))
    result = localizer.localize(frames[3][0], demo_camera, 0)
    assert result.status is Status.SUCCESS and result.tilt == localizer.tilt_of(demo_camera).known
    assert localizer.tilt_of(demo_camera).images == MIN_IMAGES


def test_a_camera_that_is_tilted_down_looks_down_whatever_its_direction(demo_camera):
    for degrees in (-3.0, 3.0):
        axis = tilted(demo_camera, Tilt(np.deg2rad(degrees))).T_base_camera[:3, 2]
        assert np.rad2deg(np.arcsin(axis[2]) - np.arcsin(demo_camera.T_base_camera[2, 2])) == pytest.approx(-degrees)


def test_a_camera_that_is_turned_clockwise_has_its_right_side_lower(demo_camera):
    turned = tilted(demo_camera, Tilt(0.0, np.deg2rad(3.0))).T_base_camera
    assert turned[2, 0] - demo_camera.T_base_camera[2, 0] == pytest.approx(-np.sin(np.deg2rad(3.0)), abs=1e-3)
    assert turned[:3, 2] == pytest.approx(demo_camera.T_base_camera[:3, 2], abs=2e-3)


def test_the_tilt_is_known_when_enough_images_agree():
    agreeing, scattered = TiltEstimate(), TiltEstimate()
    for row in range(MIN_IMAGES):
        assert not agreeing.is_known and agreeing.known == NO_TILT
        agreeing.add(Tilt(0.02, -0.03))
        scattered.add(Tilt(0.05 * (-1) ** row))
    assert agreeing.is_known and agreeing.known.degrees == pytest.approx((1.1, -1.5), abs=0.05)
    assert not scattered.is_known


def test_pitches_cover_the_reach_in_steps_of_a_degree():
    assert np.rad2deg(pitches_within(np.deg2rad(1.5))) == pytest.approx([-1.5, -1, 0, 1, 1.5])
    assert pitches_within(0.0) == pytest.approx([0])


def test_the_peak_lies_between_the_angles():
    angles = np.array([-0.02, 0.0, 0.02])
    assert peak_of(angles.tolist(), (-((angles - 0.007) ** 2)).tolist()) == pytest.approx(0.007, abs=1e-3)
    assert peak_of(angles.tolist(), [1.0, 2.0, 3.0]) == pytest.approx(0.02, abs=1e-3)


def test_an_accepted_image_is_searched_once_while_the_tilt_is_not_known(demo_map, bundle, demo_camera, frames):
    localizer = Localizer(demo_map, bundle)
    searches = []
    localizer.search = lambda view, prior=None: searches.append(view.tilt) or Localizer.search(localizer, view, prior)
    results = [localizer.localize(image, demo_camera, 0) for image, _ in frames[:4]]
    accepted = sum(result.status is Status.SUCCESS for result in results)
    assert accepted >= 3 and len(searches) <= accepted + 8 * (4 - accepted)
    assert localizer.tilt_of(demo_camera).images > 0


def test_images_that_are_not_accepted_are_searched_at_all_tilts_less_often_once_some_are():
    tilt = TiltEstimate()
    assert [tilt.is_search_due() for _ in range(6)] == [True, False, False, True, False, False]
    for _ in range(3):
        tilt.add(NO_TILT)
    assert sum(tilt.is_search_due() for _ in range(20)) == 2
