# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Images that were taken beside the mapped line."""

import numpy as np
import pytest

from liploc_ros.geometry import inverse
from liploc_ros.localization import Localizer, LocalizerConfig
from liploc_ros.localization.config import MatchingConfig, TrackingConfig
from liploc_ros.localization.hypotheses import position_sigmas
from liploc_ros.localization.tracking.result import TrackingState
from liploc_ros.mapping import MapConfig, build_map

BESIDE = 2.0  # metres between the mapped line and the line on which the images were taken
EXACT_MOUNT = MatchingConfig(tilt_reach=0)


@pytest.fixture(scope="module")
def map_beside(demo_drive, bundle):
    """A map of a line 2 m to the right of the demo's images, with places up to 3 m beside it."""
    x, y, z = demo_drive.T_base_lidar[:3, 3]
    return build_map(demo_drive, bundle, MapConfig(view_origin=(x, y - BESIDE, z), lateral_reach=3))


@pytest.fixture(scope="module")
def frames(demo_drive, demo_camera):
    """(image, time, pose) of the demo."""
    return [(f.images[demo_camera.frame_id](), f.stamp_ns, f.T_map_base) for f in demo_drive.images()]


@pytest.mark.slow
def test_the_lateral_position_is_measured_with_its_standard_deviation(map_beside, bundle, demo_camera, frames):
    localizer = Localizer(map_beside, bundle, LocalizerConfig(matching=EXACT_MOUNT))
    found = [(localizer.localize(image, demo_camera, 0).best, T) for image, _, T in frames[::2]]
    lateral = np.array([(inverse(T) @ best.T_map_base)[1, 3] for best, T in found])
    sigma = np.array([position_sigmas(best)[1] for best, _ in found])
    assert np.median(np.abs(lateral)) < 0.3 and np.mean(np.abs(lateral) < 3 * sigma) > 0.8
    assert sigma.max() < 1.0


@pytest.mark.slow
def test_tracking_is_localized_only_if_the_lane_is_known(map_beside, bundle, demo_camera, frames):
    sure = Localizer(map_beside, bundle, LocalizerConfig(matching=EXACT_MOUNT))
    too_strict = TrackingConfig(localized_sigma_lateral=0.01)
    unsure = Localizer(map_beside, bundle, LocalizerConfig(matching=EXACT_MOUNT, tracking=too_strict))
    for image, stamp, T in frames[:20]:
        results = [localizer.track(image, demo_camera, stamp, T) for localizer in (sure, unsure)]
    assert [result.state for result in results] == [TrackingState.LOCALIZED, TrackingState.CONVERGING]
    assert abs((inverse(frames[19][2]) @ results[0].best.T_map_base)[1, 3]) < 0.5
