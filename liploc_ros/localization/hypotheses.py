"""Hypotheses: matches that agree in place and heading, merged, with covariance and probability."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import MountedCamera, Pose, angle_difference, inverse, pose_from, pose_from_yaw, yaw_of
from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.refine import Match
from liploc_ros.mapping import LidarMap


@dataclass(frozen=True)
class Hypothesis:
    """Where the vehicle may have been.

    Attributes:
        T_map_base: pose of the vehicle's base frame.
        covariance: (6, 6) over x, y, z [m], rotation about the map's X, Y, Z [rad]; positive definite.
        score: mean similarity of image and map, -1 to 1.
        probability: share of belief among the hypotheses of one image.
        place_id: the nearest place of the map.
        camera: optical frame of the camera.
    """

    T_map_base: Pose
    covariance: NDArray[np.float64]
    score: float
    probability: float
    place_id: int
    camera: str


def merge(
    matches: Sequence[Match],
    lidar_map: LidarMap,
    mounted: MountedCamera,
    camera_heading: float,
    temperature: float,
    config: LocalizerConfig,
) -> tuple[Hypothesis, ...]:
    """Return hypotheses, most probable first: each gathers the matches near the best that is left.

    Args:
        matches: best first.
        lidar_map: where they are from.
        mounted: the camera; its place in the vehicle moves the base away from where the view was drawn.
        camera_heading: yaw [rad] in the base frame along which the camera view was drawn.
        temperature: of the weights exp(score / temperature).
        config: distances within which matches agree, and floors of the covariance.
    """
    if not matches:
        return ()
    poses = base_poses(matches, lidar_map, mounted, camera_heading)
    yaws = np.arctan2(poses[:, 1, 0], poses[:, 0, 0])
    scores = np.array([match.score for match in matches])
    weights = np.exp((scores - scores.max()) / temperature)
    left = np.ones(len(matches), dtype=bool)
    groups: list[NDArray[np.intp]] = []
    while left.any() and len(groups) <= config.max_hypotheses:
        best = int(np.argmax(np.where(left, scores, -np.inf)))
        near = np.linalg.norm(poses[:, :3, 3] - poses[best, :3, 3], axis=1) < config.merge_distance
        near &= np.abs(angle_difference(yaws, yaws[best])) < config.merge_angle
        members = np.flatnonzero(near & left)
        left[members] = False
        groups.append(members)
    # The best of a group speaks for it: adding up would favour places that are merely sampled more densely.
    peaks = np.array([weights[members].max() for members in groups])
    probability = peaks / peaks.sum()
    hypotheses = []
    for members, share in list(zip(groups, probability, strict=True))[: config.max_hypotheses]:
        best = int(members[np.argmax(scores[members])])
        T, covariance = _mean(poses[members], yaws[members], weights[members], poses[best], lidar_map, config)
        place = int(np.argmin(np.linalg.norm(lidar_map.T_map_base[:, :3, 3] - T[:3, 3], axis=1)))
        hypotheses.append(Hypothesis(T, covariance, float(scores[best]), float(share), place, mounted.frame_id))
    return tuple(hypotheses)


def base_poses(
    matches: Sequence[Match], lidar_map: LidarMap, mounted: MountedCamera, camera_heading: float
) -> NDArray[np.float64]:
    """Return (M, 4, 4) vehicle poses: the camera stands where the view was drawn, and looks along its yaw."""
    yaw = np.array([match.yaw for match in matches]) - camera_heading
    T_place_view = np.tile(np.eye(4), (len(matches), 1, 1))
    T_place_view[:, 0, 0] = T_place_view[:, 1, 1] = np.cos(yaw)
    T_place_view[:, 1, 0] = np.sin(yaw)
    T_place_view[:, 0, 1] = -T_place_view[:, 1, 0]
    T_place_view[:, :3, 3] = origin = lidar_map.manifest.view_origin
    # The height stays that of the path driven while mapping: another camera height is not another road.
    T_base_view = pose_from((*mounted.T_base_camera[:2, 3], origin[2]))
    T_map_place = lidar_map.T_map_base[[match.place for match in matches]]
    return np.asarray(T_map_place @ T_place_view @ inverse(T_base_view))


def _mean(
    poses: NDArray[np.float64],
    yaws: NDArray[np.float64],
    weights: NDArray[np.float64],
    T_best: Pose,
    lidar_map: LidarMap,
    config: LocalizerConfig,
) -> tuple[Pose, NDArray[np.float64]]:
    """Return weighted mean pose and covariance: spread of the matches, spacing of the places, and the floors."""
    share = weights / weights.sum()
    position = share @ poses[:, :3, 3]
    turn = angle_difference(yaws, yaw_of(T_best))
    turned = float(share @ turn)
    T = np.eye(4)
    T[:3, :3] = pose_from_yaw(0, 0, 0, turned)[:3, :3] @ T_best[:3, :3]
    T[:3, 3] = position
    spread = poses[:, :3, 3] - position
    covariance = np.zeros((6, 6))
    covariance[:3, :3] = (share[:, None] * spread).T @ spread
    covariance[5, 5] = share @ (turn - turned) ** 2
    spacing = lidar_map.manifest.config.place_spacing**2 / 12  # variance of a uniform distribution between places
    floors = [config.sigma_position**2 + spacing] * 2 + [config.sigma_height**2]
    floors += [config.sigma_tilt**2] * 2 + [config.sigma_heading**2]
    return T, covariance + np.diag(floors)
