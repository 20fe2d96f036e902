"""What single images tell: recall by step of the localizer, errors, coverage, and what is accepted."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.localization.world import Query, Replay, Scenery, errors
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization import Status
from liploc_ros.localization.clustering import groups_of
from liploc_ros.localization.feature_comparison import weights_of
from liploc_ros.localization.hypotheses import Hypothesis, base_poses
from liploc_ros.localization.matching import Matches, refine
from liploc_ros.localization.timer import StepClock

NOWHERE = np.array([np.inf, np.inf, 0.0])
THRESHOLDS = (1.0, 2.0, 5.0)  # m
TURNED = np.deg2rad(5.0)
WRONG = 5.0  # m; an accepted answer farther off is a false one


@dataclass(frozen=True)
class Answers:
    """What came of the images of a drive.

    Attributes:
        truth: (N, 3).
        by_step: poses (N, 3) by what was done: retrieval, refine, verify.
        hypotheses: the best of each image, or None.
        accepted: (N,).
    """

    truth: PoseSE2
    by_step: dict[str, PoseSE2]
    hypotheses: tuple[Hypothesis | None, ...]
    accepted: NDArray[np.bool_]


def ask(localizer: Replay, scenery: Scenery) -> Answers:
    """Localize every image of a drive by itself."""
    results = [localizer.localize(q.image, scenery.mounted, q.stamp_ns) for q in scenery.queries]
    best = tuple(result.best for result in results)
    steps: dict[str, list[PoseSE2]] = {"retrieval": [], "refine": []}
    for query in scenery.queries:
        for step, pose in _without_verification(localizer, scenery, query).items():
            steps[step].append(pose)
    verified = [NOWHERE if b is None else se2_of(b.T_map_base) for b in best]
    by_step = {**{step: np.stack(poses) for step, poses in steps.items()}, "verify": np.stack(verified)}
    accepted = np.array([result.status is Status.SUCCESS for result in results])
    return Answers(np.stack([q.truth for q in scenery.queries]), by_step, best, accepted)


def _without_verification(localizer: Replay, scenery: Scenery, query: Query) -> dict[str, PoseSE2]:
    """Return the pose of the best place and heading, and that refined by similarity alone."""
    lidar_map, mounted = localizer.lidar_map, scenery.mounted
    features = localizer._see(query.image, mounted, StepClock())
    if features is None:
        return {"retrieval": NOWHERE, "refine": NOWHERE}
    heading = localizer._viewer(mounted)[1]
    candidates = lidar_map.index.search(features, localizer.config.candidates)
    first = candidates[0]
    yaw = lidar_map.manifest.layout.heading_yaw(np.array([first.heading]))
    one = np.zeros(1)
    best = Matches(np.array([first.place]), yaw, one, one, np.zeros((1, 0), np.float32))
    retrieved = se2_of(base_poses(best, lidar_map, mounted, heading))[0]
    similarity = ConfidenceModel(
        min_score=0, min_margin=0, temperature=localizer.confidence_model.temperature, source="similarity alone"
    )
    weights = weights_of(similarity, lidar_map.features.shape[1])
    matches = refine(candidates, features, lidar_map, localizer.config.heading_reach, weights)
    poses = se2_of(base_poses(matches, lidar_map, mounted, heading))
    group = groups_of(poses, matches.evidence, localizer.config)[0]
    return {"retrieval": retrieved, "refine": _mean(poses[group.members], group.share)}


def _mean(poses: PoseSE2, share: NDArray[np.float64]) -> PoseSE2:
    turn = poses[:, 2] - poses[0, 2]
    turn = (turn + np.pi) % (2 * np.pi) - np.pi
    return np.array([*(share @ poses[:, :2]), poses[0, 2] + share @ turn])


def retrieval_metrics(answers: Answers) -> dict[str, object]:
    """Return recall [%] by step and threshold, median errors of what is found, and how accepted answers err."""
    result: dict[str, object] = {"images": len(answers.truth)}
    for step, poses in answers.by_step.items():
        away, turned = errors(poses, answers.truth)
        result[step] = {f"{limit:g} m": share(away[turned < TURNED] < limit, len(away)) for limit in THRESHOLDS}
    away, turned = errors(answers.by_step["verify"], answers.truth)
    found = (away < 2) & (turned < TURNED)
    right = answers.accepted & found
    result["median position error [m]"] = round(float(np.median(away[found])), 3)
    result["median heading error [deg]"] = round(float(np.rad2deg(np.median(turned[found]))), 3)
    result["accepted [%]"] = share(answers.accepted, len(away))
    result["accepted"], result["accepted and right"] = int(answers.accepted.sum()), int(right.sum())
    result["accepted and wrong by more than 5 m"] = int((answers.accepted & (away > WRONG)).sum())
    taken = [(h, t) for h, t, a in zip(answers.hypotheses, answers.truth, answers.accepted, strict=True) if a and h]
    result["coverage"] = coverage([h.covariance for h, _ in taken], *_poses(taken))
    return result


def _poses(taken: list[tuple[Hypothesis, PoseSE2]]) -> tuple[PoseSE2, PoseSE2]:
    found = np.array([se2_of(h.T_map_base) for h, _ in taken]).reshape(-1, 3)
    return found, np.array([t for _, t in taken]).reshape(-1, 3)


def coverage(covariances: Iterable[NDArray[np.float64]], found: PoseSE2, truth: PoseSE2) -> dict[str, list[int]]:
    """Return how many errors are within 1 and 2 sigma, and of how many: along the heading, across it, in heading."""
    ratios = []
    for covariance, pose, true in zip(covariances, found, truth, strict=True):
        turned = (pose[2] - true[2] + np.pi) % (2 * np.pi) - np.pi
        ahead, left = np.array([np.cos(pose[2]), np.sin(pose[2])]), np.array([-np.sin(pose[2]), np.cos(pose[2])])
        offset, plane = pose[:2] - true[:2], covariance[:2, :2]
        ratios.append(
            [
                offset @ ahead / np.sqrt(ahead @ plane @ ahead),
                offset @ left / np.sqrt(left @ plane @ left),
                turned / np.sqrt(covariance[-1, -1]),
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
