# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tracking: how much new information each image has, and the belief that follows from all of them."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.geometry import Pose
from liploc_ros.geometry.se2 import SE2_AXES, PoseSE2, compose, inverse_step, se2_of
from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.matching import Matches, uncovered_candidates
from liploc_ros.localization.result import Localization
from liploc_ros.localization.tracking.history import History, ViewRecord
from liploc_ros.localization.tracking.measurement import MIN_CONFIDENCE, measurement_of
from liploc_ros.localization.tracking.mixture_filter import MixtureFilter
from liploc_ros.localization.tracking.motion import motion_between, reset_reason
from liploc_ros.localization.tracking.prediction import nearby_candidates, predicted_candidates
from liploc_ros.localization.tracking.result import TrackingResult, TrackingState, tracking_result
from liploc_ros.localization.tracking.view_likelihood import ViewLikelihood
from liploc_ros.mapping import Candidate, LidarMap

NANOSECONDS = 1e9
METRES_PER_RADIAN = 3.0  # metres of travel that show as much new as turning by one radian
NEARBY_LANES = 1.25  # spacings across the path around a known pose that are compared
POSES_PER_PLACE = 16  # headings of a place that can be distinguished


@dataclass(frozen=True)
class _LastView:
    """The last image of a camera.

    Attributes:
        stamp_ns: when it was taken.
        features: (h, w, D) of it.
        T_now_updated: (3,) the base when an image of this camera last updated the probabilities, in the current frame.
    """

    stamp_ns: int
    features: NDArray[np.float32]
    T_now_updated: PoseSE2

    @property
    def distance(self) -> float:
        """Straight distance since then [m], with heading changes converted; returning to the same spot gives 0."""
        x, y, heading = self.T_now_updated
        return float(np.hypot(x, y) + METRES_PER_RADIAN * abs(heading))


@dataclass
class TrackerMemory:
    """Everything that a tracker carries from image to image."""

    mixture: MixtureFilter
    history: History
    stamp_ns: int | None = None  # of the last image
    T_odom_base: Pose | None = None  # at that time
    new_view_ns: int | None = None  # when an image last differed from its predecessor
    state: TrackingState = TrackingState.LOST  # after that image
    whole_map_ns: int | None = None  # stamp of the last image for which the whole map was searched
    last_views: dict[str, _LastView] = field(default_factory=dict)  # by camera


class Tracker:
    """Carries a belief from image to image. Images of several cameras may come in any order within ``clock_jump``.

    Attributes:
        reset_message: why tracking restarted with the last image, or empty.
    """

    def __init__(self, lidar_map: LidarMap, confidence_model: ConfidenceModel, config: LocalizerConfig) -> None:
        """Start without hypotheses.

        Args:
            lidar_map: the map.
            confidence_model: of the map or the model.
            config: resolved settings, see :meth:`LocalizerConfig.resolved`.
        """
        self.reset_message = ""
        self._map, self._confidence_model, self._config = lidar_map, confidence_model, config
        self._tracking = config.tracking
        temperature = confidence_model.temperature / config.tracking.likelihood_sharpness
        self._likelihood = ViewLikelihood(lidar_map, temperature)
        self.reset()

    def use_map(self, part: LidarMap) -> None:
        """Continue on another part of the same map; the hypotheses stay."""
        self._map, self._likelihood = part, self._likelihood.on_part(part)

    def reset(self) -> None:
        """Forget all images: the vehicle may be anywhere."""
        mixture = MixtureFilter(self._tracking, POSES_PER_PLACE * self._map.manifest.places)
        self._memory = TrackerMemory(mixture, History(self._tracking.max_images))

    def set_thresholds(self, config: LocalizerConfig) -> None:
        """Continue with other limits of the states; the hypotheses stay."""
        self._config, self._tracking = config, config.tracking

    def snapshot(self) -> TrackerMemory:
        """Return a copy of everything that is carried from image to image."""
        return copy.deepcopy(self._memory)

    def restore(self, snapshot: TrackerMemory) -> None:
        """Continue from a snapshot, which stays as it is."""
        self._memory = copy.deepcopy(snapshot)

    @property
    def state(self) -> TrackingState:
        """The state after the last image."""
        return self._memory.state

    @property
    def is_whole_map_due(self) -> bool:
        """Whether the next image is to be searched in the whole map: while lost, and once in ``whole_map_period``."""
        elapsed = self.stamp_ns - (self._memory.whole_map_ns or 0)
        is_lost = self._memory.state is TrackingState.LOST
        return is_lost or abs(elapsed) >= self._tracking.whole_map_period * NANOSECONDS

    @property
    def mixture(self) -> MixtureFilter:
        """The hypotheses."""
        return self._memory.mixture

    @property
    def stamp_ns(self) -> int:
        """Stamp of the last image, 0 before the first."""
        return self._memory.stamp_ns or 0

    def is_outdated(self, camera: str, stamp_ns: int) -> bool:
        """Return whether an image is not newer than the last one of its camera.

        A stamp that is older by more than ``clock_jump`` means that the clock was reset: such an image is not outdated.
        """
        last = self._memory.last_views.get(camera)
        return last is not None and 0 <= last.stamp_ns - stamp_ns <= self._tracking.clock_jump * NANOSECONDS

    def predict(self, stamp_ns: int, T_odom_base: Pose | None) -> None:
        """Move the belief to the time of an image; restart if the motion cannot be known.

        Args:
            stamp_ns: of the image.
            T_odom_base: pose of the base in the frame of odometry at that time, or None.
        """
        memory = self._memory
        self.reset_message = ""
        if memory.stamp_ns is not None:
            seconds = (stamp_ns - memory.stamp_ns) / NANOSECONDS
            image_gap = (stamp_ns - (memory.new_view_ns or memory.stamp_ns)) / NANOSECONDS
            speed = memory.mixture.expected_speed
            motion = motion_between(seconds, memory.T_odom_base, T_odom_base, speed, self._tracking)
            self.reset_message = reset_reason(motion, image_gap, self._tracking)
            if self.reset_message:
                self.reset()
            else:
                T_now_previous = inverse_step(motion.displacement_at(speed))
                for camera, last in memory.last_views.items():
                    memory.last_views[camera] = replace(last, T_now_updated=compose(T_now_previous, last.T_now_updated))
                memory.history.predict(T_now_previous)
                memory.mixture.predict(motion)
        self._memory.stamp_ns, self._memory.T_odom_base = stamp_ns, T_odom_base

    def nearby_candidates(self, view: EncodedView) -> list[Candidate]:
        """Return the places around the pose, and the heading at each, while the pose is known from odometry and images.

        The list is empty while it is not known, and once in ``whole_map_period``: then the whole map is to be searched.
        """
        memory, config = self._memory, self._tracking
        is_known = memory.state is TrackingState.LOCALIZED and memory.T_odom_base is not None
        elapsed = self.stamp_ns - (memory.whole_map_ns or 0)
        if not is_known or not config.search_radius or abs(elapsed) >= config.whole_map_period * NANOSECONDS:
            return []
        radius = config.search_radius, NEARBY_LANES * self._map.lattice.spacing or np.inf
        return nearby_candidates(self.mixture, view.T_base_view, self._likelihood, radius)

    def predicted_candidates(self, view: EncodedView, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return places and headings at which hypotheses predict the view, and which ``candidates`` do not cover."""
        spacing = self._map.manifest.config.place_spacing
        predicted = predicted_candidates(self.mixture, view.T_base_view, self._likelihood, spacing)
        return uncovered_candidates(predicted, candidates, self._map, self._config.matching.heading_reach)

    def update(
        self,
        view: EncodedView,
        matches: Matches,
        predicted_matches: Matches | None,
        localization: Localization,
    ) -> None:
        """Update the belief by an image, and spawn hypotheses for poses that are not in it yet.

        An image from where the last one was taken contains no new information, but keeps the hypotheses in place. An
        image that is identical to the last one is ignored: the camera has stopped.

        Args:
            view: the encoded image.
            matches: those that the hypotheses were estimated from.
            predicted_matches: further ones, at the predicted candidates.
            localization: the result of this image alone.
        """
        memory, camera, hypotheses = self._memory, view.camera.frame_id, localization.hypotheses
        if localization.whole_map:
            memory.whole_map_ns = memory.stamp_ns
        last = memory.last_views.get(camera)
        is_identical = last is not None and np.array_equal(last.features, view.features)
        is_same_spot = last is not None and last.distance < self._tracking.min_image_spacing
        T_now_updated = last.T_now_updated if last is not None and (is_identical or is_same_spot) else np.zeros(3)
        memory.last_views[camera] = _LastView(self.stamp_ns, view.features, T_now_updated)
        if is_identical:
            return
        memory.new_view_ns = memory.stamp_ns
        measurement = measurement_of(
            matches,
            predicted_matches,
            hypotheses,
            self._confidence_model,
            self._config.covariance,
            self._map,
        )
        if is_same_spot:
            memory.mixture.update_stationary(measurement)
            return
        weight = 1.0 if last is None else min(1.0, last.distance / self._tracking.correlation_distance)
        record = self._record(view, weight)
        views = compose(memory.mixture.state[:, :3], view.T_base_view)[None]
        reference = np.array([record.reference])
        log_ratio = self._likelihood.log_ratio(view.features[None], record.visible[None], views, reference)[0]
        memory.mixture.update(measurement, log_ratio, weight)
        memory.history.append(record)
        self._spawn(hypotheses, weight)
        memory.mixture.merge_and_prune()

    def result(self, camera: str, localization: Localization | None) -> TrackingResult:
        """Return the belief after an image; ``localization`` is None if the image was ignored as outdated."""
        result = tracking_result(self.mixture, self._map, self._config, camera, localization, self.stamp_ns)
        self._memory.state = result.state
        if localization is not None and self.reset_message:
            return replace(result, message=f"{result.message}; {self.reset_message}: tracking restarted")
        return result

    def _record(self, view: EncodedView, weight: float) -> ViewRecord:
        visible = np.asarray(view.features.any(axis=-1))
        return ViewRecord(view.features, visible, self._likelihood.reference(view.features), view.T_base_view, weight)

    def _spawn(self, hypotheses: Sequence[Hypothesis], weight: float) -> None:
        """Add hypotheses of a single image that the belief does not contain, with the likelihood of recent images."""
        if not hypotheses:
            return
        poses = se2_of(np.array([h.T_map_base for h in hypotheses]))
        new = ~self.mixture.contains(poses)
        if not new.any():
            return
        covariance = np.array([h.covariance for h in hypotheses])[new][:, SE2_AXES[:, None], SE2_AXES]
        confidence = np.clip([h.confidence for h in hypotheses], MIN_CONFIDENCE, 1 - MIN_CONFIDENCE)[new]
        limit = self._tracking.max_log_likelihood
        log_likelihoods = self._memory.history.log_likelihoods(poses[new], self._likelihood, limit)
        self.mixture.spawn(poses[new], covariance, log_likelihoods, weight * logit(confidence))
