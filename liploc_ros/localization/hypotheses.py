# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Pose hypotheses: clusters of matches with mean pose, probability, confidence and covariance."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.geometry import Pose
from liploc_ros.geometry.se2 import SE2_AXES, difference, se2_of
from liploc_ros.localization.clustering import cluster_matches, mean_pose
from liploc_ros.localization.confidence import confidence_of
from liploc_ros.localization.config import CovarianceConfig, LocalizerConfig
from liploc_ros.localization.matching import Matches
from liploc_ros.mapping import LidarMap

CONTRADICTION_SIGMA = 3.5  # standard deviations; errors have heavier tails than a normal distribution


@dataclass(frozen=True)
class Hypothesis:
    """A pose that the vehicle may have had.

    Attributes:
        T_map_base: pose of the vehicle's base frame.
        covariance: (6, 6) over x, y, z [m], rotation about the map's X, Y, Z [rad]; positive definite.
        score: mean similarity of image and map, -1 to 1.
        probability: share among all places of the map, given that the image was taken at one of them.
        place_id: the nearest place of the map.
        camera: optical frame of the camera.
        confidence: 0 to 1, probability that the hypothesis is correct, given equal prior probability of correct and
            wrong. For a tracked hypothesis, its probability.
    """

    T_map_base: Pose
    covariance: NDArray[np.float64]
    score: float
    probability: float
    place_id: int
    camera: str
    confidence: float = 0.0


def position_sigmas(hypothesis: Hypothesis) -> tuple[float, float]:
    """Return the standard deviations of the position along the heading and across it [m]."""
    R = hypothesis.T_map_base[:2, :2]
    along, across = np.sqrt(np.diag(R.T @ hypothesis.covariance[:2, :2] @ R))
    return float(along), float(across)


class PositionEllipse(NamedTuple):
    """The ellipse of one standard deviation of a position: half axes [m], and the direction of the first [rad]."""

    longer: float
    shorter: float
    yaw: float


def position_ellipse(hypothesis: Hypothesis) -> PositionEllipse:
    """Return the ellipse of one standard deviation of the position in the plane."""
    variances, axes = np.linalg.eigh(hypothesis.covariance[:2, :2])
    shorter, longer = map(float, np.sqrt(variances))
    return PositionEllipse(longer, shorter, float(np.arctan2(axes[1, 1], axes[0, 1])))


def contradict(one: Hypothesis, other: Hypothesis) -> bool:
    """Return whether two hypotheses exclude each other: their Mahalanobis distance in the plane is above 3.5."""
    offset = difference(se2_of(one.T_map_base), se2_of(other.T_map_base))
    covariance = (one.covariance + other.covariance)[SE2_AXES[:, None], SE2_AXES]
    return bool(offset @ np.linalg.solve(covariance, offset) > CONTRADICTION_SIGMA**2)


def estimate_hypotheses(
    matches: Matches,
    lidar_map: LidarMap,
    confidence_model: ConfidenceModel,
    config: LocalizerConfig,
    tries: float = 1.0,
) -> tuple[Hypothesis, ...]:
    """Return hypotheses, most probable first: the clusters of the matches of one view.

    Args:
        matches: of one view.
        lidar_map: the map.
        confidence_model: turns match scores into confidence, and scales the covariance.
        config: resolved settings, see :meth:`LocalizerConfig.resolved`.
        tries: number of independent views of the image that were compared.
    """
    clusters = cluster_matches(matches.poses, matches.match_score, config.matching)
    if not clusters:
        return ()
    means = [mean_pose(matches.T_map_base[c.members], c.weights, matches.T_map_base[c.best]) for c in clusters]
    T_map_base, spread = (np.array(values) for values in zip(*means, strict=True))
    yaw, spacing = se2_of(T_map_base)[:, 2], lidar_map.place_spacing
    covariance = covariance_of(spread, yaw, spacing, confidence_model, config.covariance)
    places = lidar_map.nearest_places(T_map_base[:, :3, 3])
    confidence = confidence_of(matches, clusters, confidence_model, lidar_map.drawn_length, tries)
    return tuple(
        Hypothesis(
            T_map_base[i],
            covariance[i],
            score=float(matches.similarity[cluster.best]),
            probability=cluster.probability,
            place_id=int(lidar_map.place_ids[places[i]]),
            camera=matches.camera,
            confidence=float(confidence[i]),
        )
        for i, cluster in enumerate(clusters)
    )


def across_sigma(place_spacing: tuple[float, float], config: CovarianceConfig) -> float:
    """Return the standard deviation across the path [m], which only a map with places beside the path measures."""
    return config.sigma_lateral if place_spacing[1] else config.sigma_off_path


def covariance_of(
    spread: NDArray[np.float64],
    yaw: NDArray[np.float64],
    place_spacing: tuple[float, float],
    confidence_model: ConfidenceModel,
    config: CovarianceConfig,
) -> NDArray[np.float64]:
    """Return the covariances (K, 6, 6) of hypotheses whose matches have the covariances ``spread`` (K, 6, 6).

    Along the heading (K,) and across it, it is the sum of the spread and the variance of a uniform distribution between
    two places, both scaled by fitted factors, and the square of a fitted standard deviation. On a map without places
    beside the path, no match measures the position across it, and ``sigma_off_path`` stands for it.

    Args:
        spread: covariances of the matches of each hypothesis.
        yaw: heading of each hypothesis [rad].
        place_spacing: distance between places along the path and across it [m]; across it 0 if there are none.
        confidence_model: has the fitted factors.
        config: resolved standard deviations.
    """
    factors = np.array([confidence_model.spread_position, confidence_model.spread_lateral])
    between = factors * np.square(place_spacing) / 12
    along = config.sigma_position**2 + between[0]
    across = across_sigma(place_spacing, config) ** 2 + between[1]
    R = np.array([[np.cos(yaw), -np.sin(yaw)], [np.sin(yaw), np.cos(yaw)]]).transpose(2, 0, 1)  # (K, 2, 2)
    scale = (R * np.sqrt(factors)) @ R.transpose(0, 2, 1)
    covariance = spread.copy()
    covariance[:, :2] = scale @ covariance[:, :2]
    covariance[:, :, :2] = covariance[:, :, :2] @ scale
    covariance[:, 5] *= np.sqrt(confidence_model.spread_heading)
    covariance[:, :, 5] *= np.sqrt(confidence_model.spread_heading)
    covariance[:, :2, :2] += (R * [along, across]) @ R.transpose(0, 2, 1)
    tilt, heading = config.sigma_tilt**2, config.sigma_heading**2
    covariance[:, range(2, 6), range(2, 6)] += [config.sigma_height**2, tilt, tilt, heading]
    return np.asarray(covariance)
