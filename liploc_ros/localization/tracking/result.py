# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The result of tracking after an image."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry.se2 import SE2_AXES, PoseSE2, difference, lift_to_se3, se2_of
from liploc_ros.localization.config import CovarianceConfig, LocalizerConfig, MatchingConfig, TrackingConfig
from liploc_ros.localization.hypotheses import Hypothesis, position_sigmas
from liploc_ros.localization.result import Localization
from liploc_ros.localization.tracking.mixture_filter import MixtureFilter
from liploc_ros.mapping import LidarMap

OUTDATED = "the image is not newer than the last one of its camera"


class TrackingState(IntEnum):
    """How much is known; the numbers are those of ``liploc_ros/msg/Belief``."""

    LOST = 0
    CONVERGING = 1
    LOCALIZED = 2


@dataclass(frozen=True)
class TrackingResult:
    """The belief after all images and all motion.

    Attributes:
        state: how much is known.
        message: the reason in words.
        probability_lost: probability of being at no hypothesis, reported or not.
        hypotheses: most probable first; all probabilities, those of hypotheses that are not reported and
            ``probability_lost`` add up to 1.
        localization: of the last image alone; None if the image was ignored as outdated.
        stamp_ns: of the last image that was not ignored.
        latency_ms: from image to hypotheses.
    """

    state: TrackingState
    message: str
    probability_lost: float
    hypotheses: tuple[Hypothesis, ...]
    localization: Localization | None
    stamp_ns: int
    latency_ms: float = 0.0

    @property
    def best(self) -> Hypothesis | None:
        """The most probable hypothesis."""
        return self.hypotheses[0] if self.hypotheses else None

    def with_latency(self, latency_ms: float) -> "TrackingResult":
        """Return the result with its latency."""
        return replace(self, latency_ms=latency_ms)


def tracking_result(
    mixture: MixtureFilter,
    lidar_map: LidarMap,
    config: LocalizerConfig,
    camera: str,
    localization: Localization | None,
    stamp_ns: int,
) -> TrackingResult:
    """Return the belief after an image.

    Args:
        mixture: the hypotheses.
        lidar_map: the map; height, roll and pitch of a pose are those of the nearest place.
        config: resolved settings.
        camera: optical frame of the image.
        localization: of the image alone; None if it was ignored as outdated.
        stamp_ns: of the last image that was not ignored.
    """
    hypotheses = _hypotheses(mixture, lidar_map, config, camera, localization)
    probability_lost = mixture.probability_lost
    state, message = _state(hypotheses, probability_lost, config.tracking)
    if localization is None:
        message = OUTDATED
    return TrackingResult(state, message, probability_lost, hypotheses, localization, stamp_ns)


def _state(
    hypotheses: tuple[Hypothesis, ...], probability_lost: float, config: TrackingConfig
) -> tuple[TrackingState, str]:
    if not hypotheses or probability_lost >= config.lost_probability:
        return TrackingState.LOST, f"lost with probability {probability_lost:.3f}"
    best = hypotheses[0]
    along, across = position_sigmas(best)
    where = f"place {best.place_id} with probability {best.probability:.3f}, sigma {along:.1f} and {across:.1f} m"
    is_precise = along <= config.localized_sigma and across <= config.localized_sigma_lateral
    if best.probability >= config.localized_probability and is_precise:
        return TrackingState.LOCALIZED, f"localized at {where}"
    return TrackingState.CONVERGING, f"most probable is {where}"


def _hypotheses(
    mixture: MixtureFilter,
    lidar_map: LidarMap,
    config: LocalizerConfig,
    camera: str,
    localization: Localization | None,
) -> tuple[Hypothesis, ...]:
    probability = mixture.probability
    sigma = config.covariance
    out_of_plane = np.diag([0.0, 0.0, sigma.sigma_height**2, sigma.sigma_tilt**2, sigma.sigma_tilt**2, 0.0])
    chosen = mixture.ranking[: config.matching.max_hypotheses]
    places = lidar_map.nearest_places(mixture.state[chosen, :2])
    T_map_base = [
        lift_to_se3(mixture.state[i, :3], lidar_map.T_map_base[p]) for i, p in zip(chosen, places, strict=True)
    ]
    scores = _scores(mixture.state[chosen, :3], config.matching, localization)
    hypotheses = []
    for i, place, T, score in zip(chosen, places, T_map_base, scores, strict=True):
        covariance = out_of_plane.copy()
        covariance[SE2_AXES[:, None], SE2_AXES] = mixture.covariance[i, :3, :3]
        covariance[:2, :2] += _systematic(float(mixture.state[i, 2]), lidar_map, sigma)
        p = float(probability[i])
        hypotheses.append(Hypothesis(T, covariance, score, p, int(place), camera, confidence=p))
    return tuple(hypotheses)


def _systematic(yaw: float, lidar_map: LidarMap, sigma: CovarianceConfig) -> NDArray[np.float64]:
    """Return the covariance (2, 2) of errors that are the same in image after image, for instance those of the map.

    The filter takes errors as independent and would average them out. On a map without places beside the path, its
    lateral error is a setting, which no image reduces.
    """
    lateral = sigma.sigma_lateral if lidar_map.place_spacing[1] else 0.0
    R = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]])
    return np.asarray((R * np.square([sigma.sigma_position, lateral])) @ R.T)


def _scores(poses: PoseSE2, config: MatchingConfig, localization: Localization | None) -> list[float]:
    """Return the scores of the image's hypotheses that agree with poses (N, 3), 0 where there is none."""
    found = () if localization is None else localization.hypotheses
    if not found:
        return [0.0] * len(poses)
    offset = difference(poses[:, None], se2_of(np.array([h.T_map_base for h in found])))
    near = np.hypot(offset[..., 0], offset[..., 1]) < config.merge_distance
    near &= np.abs(offset[..., 2]) < config.merge_angle
    return [found[int(row.argmax())].score if row.any() else 0.0 for row in near]
