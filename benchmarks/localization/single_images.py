# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Single images: recall by step of the localizer, errors, coverage, and acceptance."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.localization.scenes import CachingLocalizer, DriveScene, Query, errors
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization import Hypothesis, Localizer, Status
from liploc_ros.localization.matching import base_poses

NOWHERE = np.array([np.inf, np.inf, 0.0])
THRESHOLDS = (1.0, 2.0, 5.0)  # m
MAX_HEADING_ERROR = np.deg2rad(5.0)
FALSE_DISTANCE = 5.0  # m; an accepted image farther away is a false accept


@dataclass(frozen=True)
class SingleImages:
    """The results of all images of a drive.

    Attributes:
        truth: (N, 3).
        by_step: poses (N, 3) by step: retrieval, similarity, match score.
        hypotheses: the best of each image, or None.
        accepted: (N,).
    """

    truth: PoseSE2
    by_step: dict[str, PoseSE2]
    hypotheses: tuple[Hypothesis | None, ...]
    accepted: NDArray[np.bool_]


def localize_all(localizer: CachingLocalizer, scene: DriveScene) -> SingleImages:
    """Localize every image of a drive by itself."""
    results = [localizer.localize(q.image, scene.mounted, q.stamp_ns) for q in scene.queries]
    best = tuple(result.best for result in results)
    found = [NOWHERE if b is None else se2_of(b.T_map_base) for b in best]
    by_similarity = _similarity_localizer(localizer)
    by_step = {
        "retrieval": np.stack([_retrieved(localizer, scene, query) for query in scene.queries]),
        "similarity": np.stack([_by_similarity(localizer, by_similarity, scene, query) for query in scene.queries]),
        "match score": np.stack(found),
    }
    accepted = np.array([result.status is Status.SUCCESS for result in results])
    return SingleImages(np.stack([q.truth for q in scene.queries]), by_step, best, accepted)


def _retrieved(localizer: Localizer, scene: DriveScene, query: Query) -> PoseSE2:
    """Return the pose of the best place and heading of the search index."""
    view = localizer.encode(query.image, scene.mounted)
    if view is None:
        return NOWHERE
    best = localizer.search(view)[0]
    yaw = localizer.lidar_map.manifest.layout.heading_yaw(np.array([best.heading]))
    poses: PoseSE2 = se2_of(base_poses(np.array([best.place]), yaw, view, localizer.lidar_map))[0]
    return poses


def _similarity_localizer(localizer: Localizer) -> Localizer:
    """Return a localizer whose match score is the similarity of the features alone."""
    model = ConfidenceModel(
        min_score=0, min_margin=0, temperature=localizer.confidence_model.temperature, source="similarity alone"
    )
    manifest = localizer.lidar_map.manifest.model_copy(update={"confidence_model": model})
    lidar_map = replace(localizer.lidar_map, manifest=manifest)
    return Localizer(lidar_map, localizer.bundle, encoders=localizer.encoders)


def _by_similarity(localizer: Localizer, by_similarity: Localizer, scene: DriveScene, query: Query) -> PoseSE2:
    view = localizer.encode(query.image, scene.mounted)
    best = None if view is None else by_similarity.estimate(by_similarity.match(view)).best
    return NOWHERE if best is None else se2_of(best.T_map_base)


def summarize(images: SingleImages) -> dict[str, object]:
    """Return recall [%] by step and threshold, median errors of correct poses, and the errors of accepted images."""
    result: dict[str, object] = {"images": len(images.truth)}
    for step, poses in images.by_step.items():
        position, heading = errors(poses, images.truth)
        correct = position[heading < MAX_HEADING_ERROR]
        result[step] = {f"{limit:g} m": share(correct < limit, len(position)) for limit in THRESHOLDS}
    position, heading = errors(images.by_step["match score"], images.truth)
    found = (position < 2) & (heading < MAX_HEADING_ERROR)
    correct = images.accepted & found
    result["median position error [m]"] = round(float(np.median(position[found])), 3)
    result["median heading error [deg]"] = round(float(np.rad2deg(np.median(heading[found]))), 3)
    result["accepted [%]"] = share(images.accepted, len(position))
    result["accepted"], result["accepted and correct"] = int(images.accepted.sum()), int(correct.sum())
    result["accepted and wrong by more than 5 m"] = int((images.accepted & (position > FALSE_DISTANCE)).sum())
    rows = zip(images.hypotheses, images.truth, images.accepted, strict=True)
    accepted = [(h, t) for h, t, is_accepted in rows if is_accepted and h]
    poses = np.array([se2_of(h.T_map_base) for h, _ in accepted]).reshape(-1, 3)
    truth = np.array([t for _, t in accepted]).reshape(-1, 3)
    result["coverage"] = coverage([h.covariance for h, _ in accepted], poses, truth)
    return result


def coverage(covariances: Iterable[NDArray[np.float64]], found: PoseSE2, truth: PoseSE2) -> dict[str, list[int]]:
    """Return the number of errors within 1 and 2 sigma, and the total: along the heading, across it, of the heading."""
    ratios = []
    for covariance, pose, true in zip(covariances, found, truth, strict=True):
        forward, left = np.array([np.cos(pose[2]), np.sin(pose[2])]), np.array([-np.sin(pose[2]), np.cos(pose[2])])
        offset, plane = pose[:2] - true[:2], covariance[:2, :2]
        ratios.append(
            [
                offset @ forward / np.sqrt(forward @ plane @ forward),
                offset @ left / np.sqrt(left @ plane @ left),
                angle_difference(pose[2], true[2]) / np.sqrt(covariance[-1, -1]),
            ]
        )
    table = np.abs(np.array(ratios).reshape(-1, 3))
    return {
        name: [int((table[:, i] < 1).sum()), int((table[:, i] < 2).sum()), len(table)]
        for i, name in enumerate(("along", "across", "heading"))
    }


def share(hits: NDArray[np.bool_], total: int) -> float:
    """Return hits of a total in percent."""
    return round(100.0 * float(hits.sum()) / max(1, total), 1)
