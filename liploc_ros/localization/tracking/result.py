"""What tracking tells after an image."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from liploc_ros.geometry import MountedCamera, Pose
from liploc_ros.geometry.se2 import SE2_AXES, lift_to_se3
from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.hypotheses import Hypothesis, agree
from liploc_ros.localization.result import Localization
from liploc_ros.localization.timer import StepClock
from liploc_ros.localization.tracking.mixture_filter import Belief
from liploc_ros.localization.tracking.tracker import Tracker
from liploc_ros.mapping import LidarMap

PASSED_OVER = "the image is not newer than the last one of its camera"


class TrackingState(IntEnum):
    """How much is known; the numbers are those of ``liploc_ros/msg/Belief``."""

    LOST = 0
    CONVERGING = 1
    LOCALIZED = 2


@dataclass(frozen=True)
class TrackingResult:
    """Where the vehicle is after all images and all motion.

    Attributes:
        state: how much is known.
        message: why, in words.
        lost: probability of being at no hypothesis, listed or not.
        hypotheses: most probable first; with those not listed, their probabilities and ``lost`` add up to one.
        localization: what the last image tells by itself; None if it was passed over.
        stamp_ns: of the last image that was not passed over.
        latency_ms: from image to hypotheses.
    """

    state: TrackingState
    message: str
    lost: float
    hypotheses: tuple[Hypothesis, ...]
    localization: Localization | None
    stamp_ns: int
    latency_ms: float

    @property
    def best(self) -> Hypothesis | None:
        """The most probable hypothesis."""
        return self.hypotheses[0] if self.hypotheses else None


def tracking_of(
    tracker: Tracker,
    lidar_map: LidarMap,
    config: LocalizerConfig,
    mounted: MountedCamera,
    localization: Localization | None,
    clock: StepClock,
) -> TrackingResult:
    """Return what is held true after an image; ``localization`` is None if it was passed over."""
    belief = tracker.belief
    hypotheses = _hypotheses(tracker, lidar_map, config, mounted, localization)
    state, message = _state(belief, hypotheses)
    if localization is None:
        message = PASSED_OVER
    elif tracker.note:
        message = f"{message}; {tracker.note}: tracking began anew"
    clock.finish("summary")
    return TrackingResult(state, message, belief.lost, hypotheses, localization, tracker.stamp_ns, clock.total)


def _state(belief: Belief, hypotheses: tuple[Hypothesis, ...]) -> tuple[TrackingState, str]:
    config = belief.config
    if not hypotheses or belief.lost >= config.lost_probability:
        return TrackingState.LOST, f"lost with probability {belief.lost:.3f}"
    best = hypotheses[0]
    sigma = float(np.sqrt(np.linalg.eigvalsh(best.covariance[:2, :2])[-1]))
    where = f"place {best.place_id} with probability {best.probability:.3f}, sigma {sigma:.1f} m"
    if best.probability >= config.localized_probability and sigma <= config.localized_sigma:
        return TrackingState.LOCALIZED, f"localized at {where}"
    return TrackingState.CONVERGING, f"most probable is {where}"


def _hypotheses(
    tracker: Tracker,
    lidar_map: LidarMap,
    config: LocalizerConfig,
    mounted: MountedCamera,
    localization: Localization | None,
) -> tuple[Hypothesis, ...]:
    belief = tracker.belief
    probability = belief.probability
    beside = np.diag([0.0, 0.0, config.sigma_height**2, config.sigma_tilt**2, config.sigma_tilt**2, 0.0])
    hypotheses = []
    for i in belief.order[: config.max_hypotheses]:
        pose, covariance = belief.state[i, :3], beside.copy()
        covariance[SE2_AXES[:, None], SE2_AXES] = belief.covariance[i, :3, :3]
        ahead = tracker.lasting_error * np.array([np.cos(pose[2]), np.sin(pose[2])])
        covariance[:2, :2] += np.outer(ahead, ahead)  # the filter takes errors for independent: these never average out
        place = int(np.argmin(((lidar_map.T_map_base[:, :2, 3] - pose[:2]) ** 2).sum(axis=1)))
        T_map_base = lift_to_se3(pose, lidar_map.T_map_base[place])
        hypotheses.append(
            Hypothesis(
                T_map_base,
                covariance,
                score=_score(T_map_base, config, localization),
                probability=float(probability[i]),
                place_id=place,
                camera=mounted.frame_id,
                confidence=float(probability[i]),
            )
        )
    return tuple(hypotheses)


def _score(T_map_base: Pose, config: LocalizerConfig, localization: Localization | None) -> float:
    """Return the score of what the last image found there, 0 where that is nothing."""
    found = () if localization is None else localization.hypotheses
    return next((h.score for h in found if agree(h.T_map_base, T_map_base, config)), 0.0)
