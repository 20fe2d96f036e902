"""Tracking: which motion lies between images, how much each of them tells, and the belief that follows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from liploc_ros.geometry import Pose, inverse
from liploc_ros.localization.belief import Belief, Motion
from liploc_ros.localization.history import History, Remembered
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.planar import PLANE, Planar, compose, planar_of
from liploc_ros.localization.resemblance import Resemblance
from liploc_ros.localization.sighting import NEVER_SURE, Sighting
from liploc_ros.localization.tracking_config import TrackingConfig

NANOSECONDS = 1e9
ERRORS_LAST = 10.0  # metres over which odometry errs alike, such as by a wrong wheel size


@dataclass
class _Seen:
    """The last image of a camera: its stamp, what it showed, and the way gone since [m]."""

    stamp_ns: int
    cells: NDArray[np.float32]
    way: float


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
        step = None
        if T_odom_base is not None and before.T_odom_base is not None:
            step = planar_of(inverse(before.T_odom_base) @ T_odom_base)
        self.note = self._break(seconds, step)
        if self.note:
            note, now = self.note, self._now
            self.forget()
            self.note, self._now = note, now
            return
        way = self._way(seconds, step)
        for seen in self._seen.values():
            seen.way += way
        self._history.carry(np.array([self.belief.usual_speed * seconds, 0.0, 0.0]) if step is None else step)
        self.belief.move(Motion(seconds, step, self._noise(seconds, way, step is not None)))

    def weigh(
        self,
        camera: str,
        cells: NDArray[np.float32],
        T_base_view: Planar,
        sighting: Sighting,
        hypotheses: Sequence[Hypothesis],
    ) -> None:
        """Weigh the belief by an image, and take up what it found that is not in it yet.

        Args:
            camera: frame of the camera.
            cells: (h, w, D) of the image.
            T_base_view: (3,) where the camera is in the base frame, and the yaw along which its view was drawn.
            sighting: what it tells of poses.
            hypotheses: what it tells by itself.
        """
        independence = self._independence(camera, cells)
        if independence <= 0:
            return
        level = self._resemblance.level(cells)
        views = compose(self.belief.state[:, :3], T_base_view)
        seen = np.asarray(cells.any(axis=-1))
        likelihood = self._resemblance.of(cells[None], seen[None], views[None], np.array([level]))[0]
        self.belief.weigh(sighting, likelihood, independence)
        self._history.add(Remembered(cells, seen, level, T_base_view, independence))
        self._take_up(hypotheses, independence)
        self.belief.tidy()

    def _take_up(self, hypotheses: Sequence[Hypothesis], independence: float) -> None:
        """Add what is not in the belief yet, with what the remembered images say of it."""
        if not hypotheses:
            return
        poses = planar_of(np.array([h.T_map_base for h in hypotheses]))
        new = ~self.belief.near(poses)
        if not new.any():
            return
        covariance = np.array([h.covariance for h in hypotheses])[new][:, PLANE[:, None], PLANE]
        confidence = np.clip([h.confidence for h in hypotheses], NEVER_SURE, 1 - NEVER_SURE)[new]
        votes = self._history.votes(poses[new], self._resemblance, self.config.strongest_support)
        self.belief.add(poses[new], covariance, votes, independence * logit(confidence))

    @property
    def stamp_ns(self) -> int:
        """Of the last image, 0 before the first."""
        return self._now.stamp_ns if self._now is not None else 0

    def _independence(self, camera: str, cells: NDArray[np.float32]) -> float:
        """Return how much of what an image tells is new, 0 to 1; that of a camera that repeats an image is nothing."""
        stamp_ns, seen = self.stamp_ns, self._seen.get(camera)
        if seen is not None and np.array_equal(seen.cells, cells):
            self._seen[camera] = _Seen(stamp_ns, cells, seen.way)
            return 0.0
        if seen is not None and seen.way < self.config.tracked_image_spacing:
            self._seen[camera] = _Seen(stamp_ns, cells, seen.way)
            return 0.0
        self._seen[camera] = _Seen(stamp_ns, cells, 0.0)
        return 1.0 if seen is None else min(1.0, seen.way / self.config.independence_distance)

    def _break(self, seconds: float, step: NDArray[np.float64] | None) -> str:
        """Return why motion between two images cannot be known, or an empty text."""
        if seconds < -self.config.clock_jump:
            return f"the clock went back by {-seconds:.1f} s"
        if step is None and seconds > self.config.longest_image_gap:
            return f"no image for {seconds:.1f} s, and no odometry"
        if step is not None and np.hypot(step[0], step[1]) > self.config.highest_speed * max(abs(seconds), 0.1):
            return f"odometry jumped by {np.hypot(step[0], step[1]):.1f} m in {seconds:.2f} s"
        return ""

    def _way(self, seconds: float, step: NDArray[np.float64] | None) -> float:
        if step is not None:
            return float(np.hypot(step[0], step[1]))
        return abs(seconds) * self.belief.usual_speed

    def _noise(self, seconds: float, way: float, by_odometry: bool) -> NDArray[np.float64]:
        config = self.config
        if by_odometry:
            # Its errors last: they add up over a way as if each piece of 10 m had its own.
            lasting = float(np.sqrt(max(way, 0.02) * ERRORS_LAST))
            return np.array([config.odometry_noise, config.odometry_noise, config.odometry_turn_noise]) * lasting
        steady = np.array([0.5 * config.acceleration * abs(seconds), 0.1 * way, config.turn_rate])
        return np.asarray(steady * abs(seconds))
