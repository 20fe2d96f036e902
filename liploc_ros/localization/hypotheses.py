"""Hypotheses: matches that agree in place and heading, merged, with probability and covariance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.geometry import MountedCamera, Pose, angle_difference, pose_from_yaw, yaw_of
from liploc_ros.geometry.se2 import SE2_AXES, difference, se2_of
from liploc_ros.localization.clustering import groups_of
from liploc_ros.localization.confidence import confidence_of
from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.matching import Matches
from liploc_ros.mapping import LidarMap

FARTHEST_APART = 3.5  # standard deviations; errors have longer tails than normal ones


@dataclass(frozen=True)
class Hypothesis:
    """Where the vehicle may have been.

    Attributes:
        T_map_base: pose of the vehicle's base frame.
        covariance: (6, 6) over x, y, z [m], rotation about the map's X, Y, Z [rad]; positive definite.
        score: mean similarity of image and map, -1 to 1.
        probability: share of belief among all places of the map, given that the image was taken at one of them.
        place_id: the nearest place of the map.
        camera: optical frame of the camera.
        confidence: 0 to 1, how often an answer that looks like this one is right where as many are right as wrong. Of a
            tracked one its probability.
    """

    T_map_base: Pose
    covariance: NDArray[np.float64]
    score: float
    probability: float
    place_id: int
    camera: str
    confidence: float = 0.0


def agree(one: Pose, other: Pose, config: LocalizerConfig) -> bool:
    """Say whether two poses are of one hypothesis: within ``merge_distance`` and ``merge_angle`` of each other."""
    apart = difference(se2_of(one), se2_of(other))
    return bool(np.hypot(apart[0], apart[1]) < config.merge_distance and abs(apart[2]) < config.merge_angle)


def contradict(one: Hypothesis, other: Hypothesis) -> bool:
    """Say whether two hypotheses cannot both be right: they are farther apart than 3.5 standard deviations."""
    apart = difference(se2_of(one.T_map_base), se2_of(other.T_map_base))
    covariance = (one.covariance + other.covariance)[SE2_AXES[:, None], SE2_AXES]
    return bool(apart @ np.linalg.solve(covariance, apart) > FARTHEST_APART**2)


def merge(
    matches: Matches,
    poses: NDArray[np.float64],
    lidar_map: LidarMap,
    mounted: MountedCamera,
    confidence_model: ConfidenceModel,
    config: LocalizerConfig,
) -> tuple[Hypothesis, ...]:
    """Return hypotheses, most probable first: each gathers the matches around a place and heading.

    Args:
        matches: of one view.
        poses: (M, 4, 4) of the base at them, see :func:`base_poses`.
        lidar_map: where they are from.
        mounted: the camera.
        confidence_model: what evidence means.
        config: distances within which matches agree, and floors of the covariance.
    """
    if not len(matches):
        return ()
    hypotheses = []
    for group in groups_of(se2_of(poses), matches.evidence, config):
        T, covariance = _mean(poses[group.members], group.share, poses[group.best], lidar_map, confidence_model, config)
        place = int(np.argmin(np.linalg.norm(lidar_map.T_map_base[:, :3, 3] - T[:3, 3], axis=1)))
        hypotheses.append(
            Hypothesis(
                T,
                covariance,
                score=float(matches.similarity[group.best]),
                probability=group.probability,
                place_id=place,
                camera=mounted.frame_id,
                confidence=confidence_of(matches, group, confidence_model, lidar_map.drawn_length),
            )
        )
    return tuple(hypotheses)


def base_poses(
    matches: Matches, lidar_map: LidarMap, mounted: MountedCamera, camera_heading: float
) -> NDArray[np.float64]:
    """Return (M, 4, 4) poses of the base: the camera stands where the view was drawn, and looks along its yaw.

    Args:
        matches: of one view.
        lidar_map: where they are from.
        mounted: the camera; its place in the vehicle moves the base away from where the view was drawn.
        camera_heading: yaw [rad] in the base frame along which the camera view was drawn.
    """
    yaw = matches.yaw - camera_heading
    cos, sin = np.cos(yaw), np.sin(yaw)
    (x, y, _), (ahead, left) = lidar_map.manifest.view_origin, mounted.T_base_camera[:2, 3]
    # The view's origin in the place, turned, less the camera's place in the vehicle. The height stays that of the path
    # driven while mapping: another camera height is not another road.
    T_place_base = np.tile(np.eye(4), (len(matches), 1, 1))
    T_place_base[:, 0, 0], T_place_base[:, 0, 1], T_place_base[:, 0, 3] = cos, -sin, x - cos * ahead + sin * left
    T_place_base[:, 1, 0], T_place_base[:, 1, 1], T_place_base[:, 1, 3] = sin, cos, y - sin * ahead - cos * left
    return np.asarray(lidar_map.T_map_base[matches.place] @ T_place_base)


def _mean(
    poses: NDArray[np.float64],
    share: NDArray[np.float64],
    T_best: Pose,
    lidar_map: LidarMap,
    confidence_model: ConfidenceModel,
    config: LocalizerConfig,
) -> tuple[Pose, NDArray[np.float64]]:
    """Return weighted mean pose and covariance of matches that agree."""
    position = share @ poses[:, :3, 3]
    turn = angle_difference(np.arctan2(poses[:, 1, 0], poses[:, 0, 0]), yaw_of(T_best))
    turned = float(share @ turn)
    T = np.eye(4)
    T[:3, :3] = pose_from_yaw(0, 0, 0, turned)[:3, :3] @ T_best[:3, :3]
    T[:3, 3] = position
    spread = np.zeros((6, 6))
    apart = poses[:, :3, 3] - position
    spread[:3, :3] = (share[:, None] * apart).T @ apart
    spread[5, 5] = share @ (turn - turned) ** 2
    return T, covariance_of(spread, yaw_of(T), lidar_map.manifest.config.place_spacing, confidence_model, config)


def covariance_of(
    spread: NDArray[np.float64],
    yaw: float,
    place_spacing: float,
    confidence_model: ConfidenceModel,
    config: LocalizerConfig,
) -> NDArray[np.float64]:
    """Return the (6, 6) covariance of an answer whose matches have the covariance ``spread`` (6, 6).

    Along the heading it is the spread and the variance of a uniform distribution between two places, by as much as
    they count on drives that were not trained on, and what errs beside them; across it also how far vehicles keep
    beside the path that was mapped, which no match tells.
    """
    along = confidence_model.sigma_position if config.sigma_position is None else config.sigma_position
    heading = confidence_model.sigma_heading if config.sigma_heading is None else config.sigma_heading
    counted = np.sqrt([confidence_model.spread_position] * 3 + [1, 1, confidence_model.spread_heading])
    ahead, left = np.array([np.cos(yaw), np.sin(yaw)]), np.array([-np.sin(yaw), np.cos(yaw)])
    beside = np.diag([0.0, 0.0, config.sigma_height**2, config.sigma_tilt**2, config.sigma_tilt**2, heading**2])
    between_places = confidence_model.spread_position * place_spacing**2 / 12
    beside[:2, :2] = (along**2 + between_places) * np.outer(ahead, ahead)
    beside[:2, :2] += config.sigma_lateral**2 * np.outer(left, left)
    return np.asarray(spread * np.outer(counted, counted) + beside)
