# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The localizer for maps of any length."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.localizer import Localizer
from liploc_ros.localization.long_map.focus import MapFocus
from liploc_ros.localization.prior import PosePrior
from liploc_ros.localization.tracking.result import TrackingState
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.mapping.manifest import Manifest, read_manifest
from liploc_ros.mapping.tiled_map import TiledMap

LOG = logging.getLogger(__name__)
MAX_EXHAUSTIVE_LENGTH = 10_000.0  # metres of path that are compared as a whole
SAMPLED_TILES = 8  # that represent the whole map
MIN_PROBABILITY = 0.02  # of hypotheses whose surroundings are kept in memory
MIN_SEARCH_AGE = 0.08  # seconds until the result of a search in the background is used: one image at 10 Hz
MAX_SEARCH_AGE = 1.0  # seconds after which the speed may have changed
MAX_SEARCH_DISTANCE = 10.0  # metres that the vehicle may have driven since then


class MapMode(NamedTuple):
    """How a map is searched, and why."""

    is_long: bool
    reason: str


def map_mode(manifest: Manifest) -> MapMode:
    """Return how a map is searched."""
    length = f"{manifest.path_length / 1000:.1f} km"
    limit = f"{MAX_EXHAUSTIVE_LENGTH / 1000:g} km"
    if manifest.path_length <= MAX_EXHAUSTIVE_LENGTH:
        return MapMode(False, f"every image is compared with the whole map: {length}, at most {limit}")
    if manifest.coding is None:
        return MapMode(False, f"every image is compared with the whole map: {length}, but its features are not coded")
    return MapMode(True, f"tiles near the belief, and a coarse index when lost: {length}, more than {limit}")


def localizer_on(
    path: Path, bundle: ModelBundle, config: LocalizerConfig | None = None, encoders: Encoders | None = None
) -> Localizer:
    """Return a localizer on the map in a folder: tile by tile if the map is long, otherwise as a whole.

    Raises:
        MapError: no map, a damaged one, one of a newer format, or one built by another model.
    """
    if map_mode(read_manifest(path)).is_long:
        return LongMapLocalizer(TiledMap.open(path, bundle), bundle, config, encoders)
    return Localizer(LidarMap.load(path, bundle), bundle, config, encoders)


class LongMapLocalizer(Localizer):
    """A localizer that compares images with a part of the map.

    While the state of tracking is LOCALIZED or CONVERGING, the part is around the hypotheses, and is loaded ahead of
    time. Otherwise a coarse index over all tiles finds places that resemble the image, and the part is around these.
    Once in ``whole_map_period`` this is done in the background, and the part is that of the next image. A prior
    restricts it to places near the prior.

    Attributes:
        lidar_map: the part of the map that the last image was compared with. Its manifest is that of the whole map.
    """

    def __init__(
        self,
        tiled: TiledMap,
        bundle: ModelBundle,
        config: LocalizerConfig | None = None,
        encoders: Encoders | None = None,
    ) -> None:
        """Combine map and model; see :class:`Localizer`. The coarse index is built if it is missing."""
        super().__init__(tiled.sample(SAMPLED_TILES), bundle, config, encoders)
        self._focus = MapFocus(tiled, tiled.coarse_index())

    def _look_nearby(self) -> None:
        """Take the part of the map around the hypotheses, while there are any to rely on."""
        tracker = self.tracker
        if tracker.state is TrackingState.LOST:
            self._focus.forget_belief()
            return
        mixture = tracker.mixture
        positions = mixture.state[mixture.probability > MIN_PROBABILITY, :2]
        self._use(lambda: self._focus.around_belief(positions))

    def _look_everywhere(self, view: EncodedView, prior: PosePrior | None, whole_map: bool) -> bool:
        """Take the part of the map that a view is to be searched in; return whether it stands for the whole map."""
        if prior is not None:
            self._use(lambda: self._focus.around_prior(prior))
            return False
        if whole_map or self.tracker.state is TrackingState.LOST:
            self._use(lambda: self._focus.around_similar(view))
            return True
        return self.tracker.is_whole_map_due and self._look_everywhere_ahead(view)

    def _look_everywhere_ahead(self, view: EncodedView) -> bool:
        """Search the whole map in the background, for a later image; return whether it was done for this one.

        The later image is chosen by its stamp, so that results do not depend on the time that the search takes.
        """
        begun_ns, now_ns = self._focus.begun_ns, self.tracker.stamp_ns
        if begun_ns is None:
            self._focus.begin_search(view, now_ns)
            return False
        age = 1e-9 * (now_ns - begun_ns)
        if 0 <= age < MIN_SEARCH_AGE:
            return False
        distance = abs(age * self.tracker.mixture.expected_speed)
        if 0 <= age <= MAX_SEARCH_AGE and distance <= MAX_SEARCH_DISTANCE:
            self._use(lambda: self._focus.around_begun(distance))
        else:
            self._use(lambda: self._focus.around_similar(view))
        return True

    def _use(self, choose: Callable[[], LidarMap | None]) -> None:
        """Continue with another part of the map. If its tiles cannot be read, the last part stays."""
        part, problem = None, ""
        try:
            part = choose()
        except MapError as error:
            problem = str(error)
        problem = problem or self._focus.problem
        if problem and problem != self.map_problem:
            LOG.error("%s", problem)
        self.map_problem = problem
        if part is not None and part is not self.lidar_map:
            self.lidar_map = part
            self.tracker.use_map(part)
