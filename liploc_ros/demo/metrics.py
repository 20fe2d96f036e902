# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Recall, errors and latency of the demo."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.evaluation.options import EvaluationError
from liploc_ros.geometry import Pose, angle_difference, yaw_of
from liploc_ros.localization import Status
from liploc_ros.schema import FrozenModel

THRESHOLDS = (1.0, 2.0, 5.0)
"""Distances within which a pose counts as found [m]."""


@dataclass(frozen=True)
class DemoResult:
    """One image: its true pose, and the first hypothesis of the localizer. ``T_map_base`` is None without one."""

    stamp_ns: int
    T_map_base_true: Pose
    T_map_base: Pose | None
    score: float
    status: Status
    latency_ms: float

    @property
    def position_error(self) -> float:
        """Horizontal distance to the true position [m]; infinite without a hypothesis."""
        if self.T_map_base is None:
            return float("inf")
        return float(np.linalg.norm(self.T_map_base[:2, 3] - self.T_map_base_true[:2, 3]))

    @property
    def heading_error(self) -> float:
        """Absolute difference of the headings [rad]; pi without a hypothesis."""
        if self.T_map_base is None:
            return float(np.pi)
        return float(np.abs(angle_difference(yaw_of(self.T_map_base), yaw_of(self.T_map_base_true))))


class DemoMetrics(FrozenModel):
    """Metrics of all images, the content of metrics.json. Recall and medians include images that were not accepted."""

    queries: int = Field(description="images")
    accepted: int = Field(description="images whose first hypothesis was accepted")
    accepted_wrong: int = Field(description="of these, more than 5 m from the true position")
    recall_at_1_within_1m: float
    recall_at_1_within_2m: float
    recall_at_1_within_5m: float
    chance_within_2m: float = Field(description="recall of a random place of the map")
    median_position_error_m: float
    median_heading_error_deg: float
    latency_p50_ms: float
    latency_p99_ms: float
    map_bytes: int
    in_training: bool = Field(description="whether the model was trained on this drive")


def compute_metrics(
    results: Sequence[DemoResult], places: NDArray[np.float64], map_bytes: int, in_training: bool
) -> DemoMetrics:
    """Return the metrics of results on a map with the places (P, 4, 4).

    Raises:
        EvaluationError: there are no results.
    """
    if not results:
        raise EvaluationError("no image has a true pose: nothing to measure, use a bag with odometry at its images")
    position = np.array([result.position_error for result in results])
    heading = np.array([result.heading_error for result in results])
    latency = np.array([result.latency_ms for result in results])
    true = np.stack([result.T_map_base_true[:2, 3] for result in results])
    to_places = np.linalg.norm(true[:, None] - places[None, :, :2, 3], axis=-1)
    accepted = np.array([result.status is Status.SUCCESS for result in results])
    within = {threshold: float((position < threshold).mean()) for threshold in THRESHOLDS}
    return DemoMetrics(
        queries=len(results),
        accepted=int(accepted.sum()),
        accepted_wrong=int((accepted & (position > THRESHOLDS[-1])).sum()),
        recall_at_1_within_1m=within[1.0],
        recall_at_1_within_2m=within[2.0],
        recall_at_1_within_5m=within[5.0],
        chance_within_2m=float((to_places < 2).mean()),
        median_position_error_m=float(np.median(position)),
        median_heading_error_deg=float(np.rad2deg(np.median(heading))),
        latency_p50_ms=float(np.percentile(latency, 50)),
        latency_p99_ms=float(np.percentile(latency, 99)),
        map_bytes=map_bytes,
        in_training=in_training,
    )
