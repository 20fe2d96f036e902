# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The localizer: from an image to pose hypotheses on a map, for single images and over time."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.geometry import MountedCamera, Pose
from liploc_ros.localization.acceptance import NO_CONTENT, accept
from liploc_ros.localization.config import LocalizerConfig, MatchingConfig
from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.feature_comparison import MatchScore
from liploc_ros.localization.hypotheses import estimate_hypotheses
from liploc_ros.localization.matching import SEARCHED, Matches, distinct_candidates, match_candidates, search_index
from liploc_ros.localization.prior import PosePrior
from liploc_ros.localization.result import Found, Localization, Status
from liploc_ros.localization.tilt import NO_TILT, TILT_TRIES, CameraTilts, Tilt, TiltEstimate
from liploc_ros.localization.tilt_search import find_tilt, nearest_candidate, refine_tilt, tilts_around
from liploc_ros.localization.timer import Timer
from liploc_ros.localization.tracking.result import TrackingResult
from liploc_ros.localization.tracking.tracker import Tracker
from liploc_ros.localization.view_encoder import TABLES_PER_IMAGE, ViewEncoder, synthetic_image
from liploc_ros.mapping import Candidate, LidarMap
from liploc_ros.mapping.search.map_features import check_model


class Localizer:
    """Finds where images were taken on one map. Must not be used by two threads at the same time.

    :meth:`localize` and :meth:`track` run the whole pipeline. Its steps :meth:`encode`, :meth:`search`, :meth:`match`
    and :meth:`estimate` can also be called one by one.

    Attributes:
        lidar_map: the map.
        bundle: the model.
        confidence_model: fitted to the map, or else the model's.
        config: settings; negative values are replaced by those of the confidence model.
        encoders: of the model; the caller closes them.
        timer: duration of each step of the last image.
        map_problem: why a part of the map could not be loaded, or empty.

    Examples:
        >>> localizer = Localizer(LidarMap.load(Path("my_map")), ModelBundle.load())
        >>> drive = open_drive(Path("demo/kitti_0013_excerpt.mcap"))
        >>> frame, (name, camera) = next(drive.images()), *drive.cameras.items()
        >>> localizer.localize(frame.images[name](), camera, frame.stamp_ns).status.name
        'SUCCESS'
        >>> tracked = [localizer.track(f.images[name](), camera, f.stamp_ns, f.T_map_base) for f in drive.images()]
        >>> tracked[20].state.name
        'LOCALIZED'
    """

    map_problem = ""

    def __init__(
        self,
        lidar_map: LidarMap,
        bundle: ModelBundle,
        config: LocalizerConfig | None = None,
        encoders: Encoders | None = None,
    ) -> None:
        """Combine map and model.

        Args:
            lidar_map: the map.
            bundle: the model that built it.
            config: settings.
            encoders: of the model, if they are loaded already; otherwise they are loaded at first use.

        Raises:
            MapError: the map was built by another model.
        """
        check_model(lidar_map.manifest, bundle, str(lidar_map.path or "map"))
        config = config or LocalizerConfig()
        self.lidar_map, self.bundle = lidar_map, bundle
        self.confidence_model = lidar_map.manifest.confidence_model or bundle.spec.confidence_model
        self.config = config.resolved(self.confidence_model)
        encoder = config.encoder
        self.encoders = encoders or bundle.encoders(encoder.threads, encoder.backend, encoder.precision)
        self.timer = Timer()
        self._match_score = MatchScore.of(self.confidence_model, bundle.spec.rows)
        self._tilts, self._views = CameraTilts(config.matching.tilt_images), ViewEncoder(self.encoders, self.timer)

    @property
    def runtime(self) -> str:
        """The runtime of the camera encoder, in words."""
        return self.encoders.camera.runtime

    @cached_property
    def tracker(self) -> Tracker:
        """What :meth:`track` carries from image to image."""
        return Tracker(self.lidar_map, self.confidence_model, self.config)

    def localize(
        self, image: NDArray[np.uint8], camera: MountedCamera, stamp_ns: int, prior: PosePrior | None = None
    ) -> Localization:
        """Return where the vehicle may have been when an image was taken, from this image alone.

        Args:
            image: (h, w, 3) RGB or (h, w) grey.
            camera: its camera.
            stamp_ns: when it was taken.
            prior: pose of the base; only places and headings near it are searched.

        Raises:
            ViewError: the image has another size than its camera's calibration, or is not 8 bit.
        """
        self.timer.restart()
        view = self.encode(image, camera, self.tilt_of(camera).assumed(self.config.matching.tilt_reach))
        if view is None:
            return self._nothing(stamp_ns)
        return self._search_and_compare(view, image, stamp_ns, prior, whole_map=True).localization

    def track(
        self,
        image: NDArray[np.uint8],
        camera: MountedCamera,
        stamp_ns: int,
        T_odom_base: Pose | None = None,
        prior: PosePrior | None = None,
        *,
        whole_map: bool = False,
    ) -> TrackingResult:
        """Return where the vehicle is, from this image and all previous ones.

        Images of several cameras update the same belief, in any order within ``clock_jump``. An image that is not newer
        than the last one of its camera is ignored. While the pose is known, an image is first compared with the places
        around it; the map is searched if none of them is accepted (``search_radius`` of :class:`TrackingConfig`).

        Args:
            image: (h, w, 3) RGB or (h, w) grey.
            camera: its camera.
            stamp_ns: when it was taken.
            T_odom_base: pose of the base in the frame of odometry at that time. Without it, constant speed and heading
                are assumed, and the uncertainty grows faster.
            prior: pose of the base; only places and headings near it are searched for new hypotheses.
            whole_map: search the whole map, even if the pose is known.

        Raises:
            ViewError: the image has another size than its camera's calibration, or is not 8 bit.
        """
        self.timer.restart()
        tracker = self.tracker
        if tracker.is_outdated(camera.frame_id, stamp_ns):
            return self._tracking_result(camera, None)
        with self.timer.step("predict"):
            tracker.predict(stamp_ns, T_odom_base)
            self._look_nearby()
        view = self.encode(image, camera, self.tilt_of(camera).assumed(self.config.matching.tilt_reach))
        if view is None:
            return self._tracking_result(camera, self._nothing(stamp_ns))
        nearby = [] if whole_map or prior is not None else tracker.nearby_candidates(view)
        found = self._compare(view, nearby, stamp_ns) if nearby else None
        if found is None or found.localization.status is not Status.SUCCESS:
            found = self._search_and_compare(view, image, stamp_ns, prior, whole_map=whole_map)
        with self.timer.step("match predicted"):
            predicted = tracker.predicted_candidates(found.view, found.candidates)
            more = match_candidates(found.view, predicted, *self._matching) if predicted else None
        with self.timer.step("update"):
            tracker.update(found.view, found.matches, more, found.localization)
        return self._tracking_result(camera, found.localization)

    def encode(self, image: NDArray[np.uint8], camera: MountedCamera, tilt: Tilt = NO_TILT) -> EncodedView | None:
        """Return the features of an image, or None if it shows nothing that could be localized.

        Args:
            image: (h, w, 3) RGB or (h, w) grey.
            camera: its camera.
            tilt: error of the camera's mount.

        Raises:
            ViewError: the image has another size than its camera's calibration, or is not 8 bit.
        """
        return self._views.encode(image, camera, tilt)

    def search(self, view: EncodedView, prior: PosePrior | None = None) -> list[Candidate]:
        """Return the places and headings that are most similar to a view, best first; only those near a prior.

        Neighbours of a better candidate are left out, because they are compared with it.
        """
        with self.timer.step("search"):
            allowed = None if prior is None else prior.allows(self.lidar_map, view)
            config = self.config.matching
            similar = search_index(view.features, SEARCHED * config.candidates, self.lidar_map, allowed)
            return distinct_candidates(similar, self.lidar_map, config.heading_reach, config.candidates)

    def match(self, view: EncodedView, candidates: Sequence[Candidate] | None = None) -> Matches:
        """Return the poses around candidates, with their match scores; around those of :meth:`search` if left out."""
        candidates = self.search(view) if candidates is None else candidates
        with self.timer.step("match"):
            return match_candidates(view, candidates, *self._matching)

    def estimate(
        self, matches: Matches, stamp_ns: int = 0, *, whole_map: bool = True, tries: float = 1.0
    ) -> Localization:
        """Return the hypotheses that follow from the matches of a view, and whether the first is accepted.

        Args:
            matches: of the view.
            stamp_ns: of the image.
            whole_map: whether the candidates were searched in the whole map.
            tries: number of independent views of the image that were compared; each may resemble a place by chance.
        """
        with self.timer.step("estimate"):
            hypotheses = estimate_hypotheses(matches, self.lidar_map, self.confidence_model, self.config, tries)
            status, message = accept(hypotheses, self.config.acceptance)
        return Localization(status, message, hypotheses, stamp_ns, self.timer.total, self.timer.steps, whole_map)

    def tilt_of(self, camera: MountedCamera) -> TiltEstimate:
        """Return the tilt of a camera, as far as it is known from accepted images."""
        return self._tilts.of(camera)

    def forget_tilts(self) -> None:
        """Forget what earlier images told about the tilts of cameras."""
        self._tilts.clear()

    def _look_nearby(self) -> None:
        """Choose the part of the map around the hypotheses; here it is always the whole map."""

    def _look_everywhere(self, view: EncodedView, prior: PosePrior | None, whole_map: bool) -> bool:
        """Choose the part of the map that a view is searched in; return whether it stands for the whole map."""
        return prior is None

    def _search_and_compare(
        self, view: EncodedView, image: NDArray[np.uint8], stamp_ns: int, prior: PosePrior | None, *, whole_map: bool
    ) -> Found:
        """Search the map for a view; until the tilt of its camera is known, also for views at other tilts."""
        tilt, config = self.tilt_of(view.camera), self.config.matching
        with self.timer.step("search"):
            is_whole = self._look_everywhere(view, prior, whole_map)
        found = self._compare(view, self.search(view, prior), stamp_ns, whole_map=is_whole)
        is_accepted = found.localization.status is Status.SUCCESS
        if not config.tilt_reach or self.bundle.spec.embeds_whole_image:
            return found
        if tilt.is_known:
            tilt.confirm(is_accepted=is_accepted)
            return found
        if is_accepted:
            self._refine_tilt(tilt, found, image)
            return found
        if not tilt.is_search_due():
            return found
        at_tilts, search = partial(self._views.at_tilts, image, view), partial(self.search, prior=prior)
        peak, candidates = find_tilt(view, found.candidates, at_tilts, search, self.match, config)
        at_peak = self.encode(image, view.camera, peak) or view
        tilted = self._compare(at_peak, candidates, stamp_ns, whole_map=is_whole, tries=TILT_TRIES)
        if tilted.localization.status is Status.SUCCESS:
            tilt.add(at_peak.tilt)
        return max(found, tilted, key=lambda one: one.localization.confidence)

    def _refine_tilt(self, tilt: TiltEstimate, found: Found, image: NDArray[np.uint8]) -> None:
        """Add the tilt at which an accepted image matches best; the first images only compute the look-up tables."""
        view, best, reach = found.view, found.localization.best, self.config.matching.tilt_reach
        if best is None or not self._views.prepare(view.camera, tilts_around(view.tilt, reach), TABLES_PER_IMAGE):
            return
        candidates = [nearest_candidate(found.candidates, self.lidar_map, best.T_map_base)]
        at_tilts = partial(self._views.at_tilts, image, view)
        tilt.add(refine_tilt(view, candidates, at_tilts, self.match, self.config.matching))

    def _compare(
        self,
        view: EncodedView,
        candidates: Sequence[Candidate],
        stamp_ns: int,
        *,
        whole_map: bool = False,
        tries: float = 1.0,
    ) -> Found:
        """Compare a view with candidates."""
        matches = self.match(view, candidates)
        localization = self.estimate(matches, stamp_ns, whole_map=whole_map, tries=tries)
        return Found(view, candidates, matches, replace(localization, tilt=view.tilt))

    def _nothing(self, stamp_ns: int) -> Localization:
        """Return the result of an image that shows nothing that could be localized."""
        return Localization(Status.UNKNOWN_PLACE, NO_CONTENT, (), stamp_ns, self.timer.total, self.timer.steps)

    def set_thresholds(self, config: LocalizerConfig) -> None:
        """Continue with another ``acceptance`` and other limits of the states in ``tracking``; hypotheses stay."""
        self.config = config.resolved(self.confidence_model)
        self.tracker.set_thresholds(self.config)

    def warm_up(self) -> None:
        """Localize a synthetic image, so that the first real one is not delayed by loading and allocation."""
        self.localize(*synthetic_image(), 0)

    @property
    def _matching(self) -> tuple[LidarMap, MatchingConfig, MatchScore]:
        return self.lidar_map, self.config.matching, self._match_score

    def _tracking_result(self, camera: MountedCamera, localization: Localization | None) -> TrackingResult:
        with self.timer.step("summarize"):
            result = self.tracker.result(camera.frame_id, localization)
        return result.with_latency(self.timer.total)
