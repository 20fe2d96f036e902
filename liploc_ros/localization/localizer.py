"""The localizer: its methods read as the list of their steps."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.geometry import MountedCamera, PinholeCamera, Pose
from liploc_ros.geometry.se2 import PoseSE2
from liploc_ros.localization.acceptance import NOTHING_SEEN, accept, shows_something
from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.feature_comparison import weights_of
from liploc_ros.localization.hypotheses import Hypothesis, base_poses, merge
from liploc_ros.localization.matching import Matches, beyond, refine
from liploc_ros.localization.result import Localization, Status
from liploc_ros.localization.timer import StepClock
from liploc_ros.localization.tracking.config import TrackingConfig
from liploc_ros.localization.tracking.measurement import sighting_of
from liploc_ros.localization.tracking.prediction import expected_candidates
from liploc_ros.localization.tracking.result import TrackingResult, tracking_of
from liploc_ros.localization.tracking.tracker import Tracker
from liploc_ros.localization.tracking.view_likelihood import Resemblance
from liploc_ros.mapping import Candidate, LidarMap, MapError
from liploc_ros.views import Viewer


class Localizer:
    """Finds where images were taken on one map. Not for two threads at once.

    Attributes:
        lidar_map: the map.
        confidence_model: its calibration, or the model's.
        encoders: of the model; whoever has the localizer closes them.
        tracker: what is carried from image to image by :meth:`track`.
    """

    def __init__(
        self,
        lidar_map: LidarMap,
        bundle: ModelBundle,
        config: LocalizerConfig | None = None,
        tracking: TrackingConfig | None = None,
        encoders: Encoders | None = None,
    ) -> None:
        """Bring map and model together.

        Args:
            lidar_map: the map.
            bundle: the model.
            config: settings.
            tracking: settings of the tracking.
            encoders: of the model, if they are loaded already; else by the settings, when first used.

        Raises:
            MapError: the map was made by another model.
        """
        if lidar_map.manifest.model_id != bundle.id:
            raise MapError(
                f"map made by model {lidar_map.manifest.model_id[:12]}, this is {bundle.id[:12]}: build the map again"
            )
        self.lidar_map = lidar_map
        self.bundle = bundle
        self.config = config = config or LocalizerConfig()
        self.confidence_model = confidence_model = lidar_map.manifest.confidence_model or bundle.spec.confidence_model
        self.min_confidence = (
            confidence_model.min_confidence if config.min_confidence is None else config.min_confidence
        )
        self.min_margin = confidence_model.min_margin if config.min_margin is None else config.min_margin
        width = bundle.spec.view_columns
        tracking = tracking or TrackingConfig()
        self._resemblance = Resemblance(lidar_map, confidence_model.temperature / tracking.tracking_sharpness, width)
        lasting_error = confidence_model.sigma_position if config.sigma_position is None else config.sigma_position
        self.tracker = Tracker(tracking, self._resemblance, 16 * len(lidar_map.features), lasting_error)
        self._weights = weights_of(confidence_model, lidar_map.features.shape[1])
        self.encoders = encoders or bundle.encoders(config.threads, config.backend, config.precision)
        self._viewers: dict[str, tuple[MountedCamera, Viewer, float]] = {}

    @property
    def runtime(self) -> str:
        """What runs the camera encoder."""
        return self.encoders.camera.runtime

    def localize(self, image: NDArray[np.uint8], mounted: MountedCamera, stamp_ns: int) -> Localization:
        """Return where the vehicle may have been when the image (h, w, 3) RGB or (h, w) grey was taken.

        Raises:
            ViewError: the image is not of the size its camera is calibrated for, or not 8 bit.
        """
        clock = StepClock()
        features = self._see(image, mounted, clock)
        if features is None:
            return Localization(Status.UNKNOWN_PLACE, NOTHING_SEEN, (), stamp_ns, clock.total, clock.steps)
        candidates = self._search(features, clock)
        matches, poses = self._refine(candidates, features, mounted, clock)
        hypotheses = self._merge(matches, poses, mounted, clock)
        return self._accept(hypotheses, stamp_ns, clock)

    def track(
        self, image: NDArray[np.uint8], mounted: MountedCamera, stamp_ns: int, T_odom_base: Pose | None = None
    ) -> TrackingResult:
        """Return where the vehicle is after this image and all that were given before.

        Images of several cameras weigh the same belief, in any order within a second. An image that is not newer than
        the last one of its camera is passed over.

        Args:
            image: (h, w, 3) RGB or (h, w) grey.
            mounted: its camera.
            stamp_ns: when it was taken.
            T_odom_base: pose of the base in the frame of odometry at that time; without it the vehicle is taken to go
                on as it did, and less is certain.

        Raises:
            ViewError: the image is not of the size its camera is calibrated for, or not 8 bit.
        """
        clock, tracker = StepClock(), self.tracker
        if tracker.is_old(mounted.frame_id, stamp_ns):
            return tracking_of(tracker, self.lidar_map, self.config, mounted, None, clock)
        tracker.move_to(stamp_ns, T_odom_base)
        clock.finish("move")
        features = self._see(image, mounted, clock)
        if features is None:
            unseen = Localization(Status.UNKNOWN_PLACE, NOTHING_SEEN, (), stamp_ns, clock.total, clock.steps)
            return tracking_of(tracker, self.lidar_map, self.config, mounted, unseen, clock)
        candidates = self._search(features, clock)
        matches, poses = self._refine(candidates, features, mounted, clock)
        hypotheses = self._merge(matches, poses, mounted, clock)
        seen = self._accept(hypotheses, stamp_ns, clock)
        T_base_view = np.array([*mounted.T_base_camera[:2, 3], self._viewer(mounted)[1]])
        strongest = float(matches.evidence.max(initial=-np.inf))
        matches, poses = self._expect(T_base_view, candidates, matches, poses, features, mounted)
        clock.finish("expect")
        sighting = sighting_of(
            poses, matches, hypotheses, self.confidence_model, self.config, self.lidar_map.drawn_length, strongest
        )
        tracker.weigh(mounted.frame_id, features, T_base_view, sighting, hypotheses)
        clock.finish("weigh")
        return tracking_of(tracker, self.lidar_map, self.config, mounted, seen, clock)

    def warm_up(self) -> None:
        """Run once on a grey ramp, so that the first real one is not late."""
        camera = PinholeCamera(320, 96, np.array([[200.0, 0, 160], [0, 200, 48], [0, 0, 1]]))
        T_base_camera = np.eye(4)
        T_base_camera[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
        grey = np.tile(np.linspace(0, 255, 320).astype(np.uint8), (96, 1))
        self.localize(grey, MountedCamera("", camera, T_base_camera), 0)

    def _see(self, image: NDArray[np.uint8], mounted: MountedCamera, clock: StepClock) -> NDArray[np.float32] | None:
        """Return the cells (h, w, D) of an image, or None if it shows nothing."""
        view = self._viewer(mounted)[0].draw(image)
        clock.finish("draw")
        if not shows_something(view):
            return None
        features = self.encoders.encode_camera(view)
        clock.finish("encode")
        return features

    def _search(self, features: NDArray[np.float32], clock: StepClock) -> list[Candidate]:
        candidates = self.lidar_map.index.search(features, self.config.candidates)
        clock.finish("search")
        return candidates

    def _refine(
        self, candidates: Sequence[Candidate], features: NDArray[np.float32], mounted: MountedCamera, clock: StepClock
    ) -> tuple[Matches, NDArray[np.float64]]:
        """Return matches, and the poses (M, 4, 4) of the base at them."""
        matches = refine(candidates, features, self.lidar_map, self.config.heading_reach, self._weights)
        poses = base_poses(matches, self.lidar_map, mounted, self._viewer(mounted)[1])
        clock.finish("refine")
        return matches, poses

    def _expect(
        self,
        T_base_view: PoseSE2,
        candidates: Sequence[Candidate],
        matches: Matches,
        poses: NDArray[np.float64],
        features: NDArray[np.float32],
        mounted: MountedCamera,
    ) -> tuple[Matches, NDArray[np.float64]]:
        """Return matches and poses also of where tracked hypotheses expect the view, which the index may not find."""
        expected = expected_candidates(self.tracker.belief, T_base_view, self._resemblance, self.lidar_map)
        left = beyond(expected, candidates, self.lidar_map, self.config.heading_reach)
        if not left:
            return matches, poses
        more = refine(left, features, self.lidar_map, self.config.heading_reach, self._weights)
        more_poses = base_poses(more, self.lidar_map, mounted, self._viewer(mounted)[1])
        return matches.and_those_of(more), np.concatenate([poses, more_poses])

    def _accept(self, hypotheses: tuple[Hypothesis, ...], stamp_ns: int, clock: StepClock) -> Localization:
        status, message = accept(hypotheses, self.min_confidence, self.min_margin)
        return Localization(status, message, hypotheses, stamp_ns, clock.total, clock.steps)

    def _merge(
        self, matches: Matches, poses: NDArray[np.float64], mounted: MountedCamera, clock: StepClock
    ) -> tuple[Hypothesis, ...]:
        hypotheses = merge(matches, poses, self.lidar_map, mounted, self.confidence_model, self.config)
        clock.finish("merge")
        return hypotheses

    def _viewer(self, mounted: MountedCamera) -> tuple[Viewer, float]:
        """Return the camera's viewer and the heading it is drawn along: that of the optical axis."""
        known = self._viewers.get(mounted.frame_id)
        if known is not None and known[0] is mounted:
            return known[1], known[2]
        axis = mounted.T_base_camera[:3, 2]
        heading = float(np.arctan2(axis[1], axis[0]))
        viewer = self.encoders.viewer(mounted, heading)
        self._viewers[mounted.frame_id] = (mounted, viewer, heading)
        return viewer, heading
