"""Tracking: how much each image tells that the last ones did not, and the belief that follows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from liploc_ros.geometry import Pose
from liploc_ros.geometry.se2 import SE2_AXES, PoseSE2, compose, inverse_step, se2_of
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.tracking.config import TrackingConfig
from liploc_ros.localization.tracking.history import History, Remembered
from liploc_ros.localization.tracking.measurement import NEVER_SURE, Sighting
from liploc_ros.localization.tracking.mixture_filter import Belief
from liploc_ros.localization.tracking.motion import motion_between, why_unknown
from liploc_ros.localization.tracking.view_likelihood import Resemblance

NANOSECONDS = 1e9
TURN_COUNTS = 3.0  # metres that a turn by one radian shows as much new as


@dataclass(frozen=True)
class _Seen:
    """The last image of a camera: its stamp, what it showed, and (3,) the base when one was weighed, in that of now."""

    stamp_ns: int
    features: NDArray[np.float32]
    T_now_weighed: PoseSE2

    @property
    def way(self) -> float:
        """Metres from there to here; there and back again is none."""
        x, y, turn = self.T_now_weighed
        return float(np.hypot(x, y) + TURN_COUNTS * abs(turn))


@dataclass(frozen=True)
class _Moment:
    """The time that the belief is of, and where odometry had the vehicle then."""

    stamp_ns: int
    T_odom_base: Pose | None


class Tracker:
    """Carries a belief from image to image. Images of several cameras may come in any order within a second.

    Attributes:
        belief: where the vehicle may be.
        lasting_error: standard deviation along the path of what errs alike in image after image [m], as the map does.
        note: why the belief was begun anew with the last image, else empty.
    """

    def __init__(self, config: TrackingConfig, resemblance: Resemblance, poses: int, lasting_error: float) -> None:
        """Begin lost on a map with so many ``poses`` that can be told apart; ``lasting_error`` is in metres."""
        self.config = config
        self.lasting_error = lasting_error
        self.note = ""
        self._resemblance, self._poses = resemblance, poses
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self.belief = Belief(self.config, self._poses)
        self._now: _Moment | None = None
        self._informed_ns: int | None = None  # when something new was seen
        self._seen: dict[str, _Seen] = {}
        self._history = History(self.config.tracked_images)

    def is_old(self, camera: str, stamp_ns: int) -> bool:
        """Say whether an image came before, or after a newer one of its camera.

        One that is more than ``clock_jump`` older tells of a clock that was set back: it is not old, all others are.
        """
        seen = self._seen.get(camera)
        return seen is not None and 0 <= seen.stamp_ns - stamp_ns <= self.config.clock_jump * NANOSECONDS

    def move_to(self, stamp_ns: int, T_odom_base: Pose | None) -> None:
        """Carry the belief to the time of an image.

        Args:
            stamp_ns: of the image.
            T_odom_base: pose of the base in the frame of odometry at that time, or None if there is none.
        """
        before, self._now = self._now, _Moment(stamp_ns, T_odom_base)
        self.note = ""
        if before is None:
            return
        seconds = (stamp_ns - before.stamp_ns) / NANOSECONDS
        speed = self.belief.usual_speed
        motion = motion_between(seconds, before.T_odom_base, T_odom_base, speed, self.config)
        self.note = why_unknown(motion, (stamp_ns - (self._informed_ns or before.stamp_ns)) / NANOSECONDS, self.config)
        if self.note:
            note, now = self.note, self._now
            self.forget()
            self.note, self._now = note, now
            return
        back = inverse_step(motion.usual_step(speed))
        for camera, seen in self._seen.items():
            self._seen[camera] = replace(seen, T_now_weighed=compose(back, seen.T_now_weighed))
        self._history.carry(back)
        self.belief.move(motion)

    def weigh(
        self,
        camera: str,
        features: NDArray[np.float32],
        T_base_view: PoseSE2,
        sighting: Sighting,
        hypotheses: Sequence[Hypothesis],
    ) -> None:
        """Weigh the belief by an image, and take up what it found that is not in it yet.

        An image of what the camera saw already tells nothing new, but holds hypotheses where they are; one that is the
        same to the last bit is none: the camera has stopped.

        Args:
            camera: frame of the camera.
            features: (h, w, D) of the image.
            T_base_view: (3,) where the camera is in the base frame, and the yaw along which its view was drawn.
            sighting: what it tells of poses.
            hypotheses: what it tells by itself.
        """
        last = self._seen.get(camera)
        is_repeated = last is not None and np.array_equal(last.features, features)
        is_same_view = last is not None and last.way < self.config.tracked_image_spacing
        weighed = last.T_now_weighed if last is not None and (is_repeated or is_same_view) else np.zeros(3)
        self._seen[camera] = _Seen(self.stamp_ns, features, weighed)
        if is_repeated:
            return
        self._informed_ns = self.stamp_ns
        if is_same_view:
            self.belief.hold(sighting)
            return
        independence = 1.0 if last is None else min(1.0, last.way / self.config.independence_distance)
        level = self._resemblance.level(features)
        views = compose(self.belief.state[:, :3], T_base_view)
        seen = np.asarray(features.any(axis=-1))
        likelihood = self._resemblance.of(features[None], seen[None], views[None], np.array([level]))[0]
        self.belief.weigh(sighting, likelihood, independence)
        self._history.add(Remembered(features, seen, level, T_base_view, independence))
        self._take_up(hypotheses, independence)
        self.belief.tidy()

    def _take_up(self, hypotheses: Sequence[Hypothesis], independence: float) -> None:
        """Add what is not in the belief yet, with what the remembered images say of it."""
        if not hypotheses:
            return
        poses = se2_of(np.array([h.T_map_base for h in hypotheses]))
        new = ~self.belief.near(poses)
        if not new.any():
            return
        covariance = np.array([h.covariance for h in hypotheses])[new][:, SE2_AXES[:, None], SE2_AXES]
        confidence = np.clip([h.confidence for h in hypotheses], NEVER_SURE, 1 - NEVER_SURE)[new]
        votes = self._history.votes(poses[new], self._resemblance, self.config.strongest_support)
        self.belief.add(poses[new], covariance, votes, independence * logit(confidence))

    @property
    def stamp_ns(self) -> int:
        """Of the last image, 0 before the first."""
        return self._now.stamp_ns if self._now is not None else 0
