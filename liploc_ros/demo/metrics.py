"""Recall, errors and latency over a set of queries."""

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


@dataclass(frozen=True)
class Query:
    """One image: where it was taken, and what the localizer said. ``T_map_base`` is None where it had no hypothesis."""

    stamp_ns: int
    T_map_base_true: Pose
    T_map_base: Pose | None
    score: float
    status: Status
    latency_ms: float

    @property
    def position_error(self) -> float:
        """Horizontal distance to the truth [m]; infinite without a hypothesis."""
        if self.T_map_base is None:
            return float("inf")
        return float(np.linalg.norm(self.T_map_base[:2, 3] - self.T_map_base_true[:2, 3]))

    @property
    def heading_error(self) -> float:
        """Absolute difference of headings [rad]; pi without a hypothesis."""
        if self.T_map_base is None:
            return float(np.pi)
        return float(np.abs(angle_difference(yaw_of(self.T_map_base), yaw_of(self.T_map_base_true))))


class Metrics(FrozenModel):
    """Figures over queries. Recall and medians are over all queries, accepted or not."""

    queries: int
    accepted: int = Field(description="queries that the localizer was sure of")
    accepted_wrong: int = Field(description="of these, more than 5 m from the truth")
    recall_at_1_within_1m: float
    recall_at_1_within_2m: float
    recall_at_1_within_5m: float
    chance_within_2m: float = Field(description="recall of a place of the map drawn at random")
    median_position_error_m: float
    median_heading_error_deg: float
    latency_p50_ms: float
    latency_p99_ms: float
    map_bytes: int
    in_training: bool = Field(description="whether the model was trained on the drive it is shown on")


def measure(queries: Sequence[Query], places: NDArray[np.float64], map_bytes: int, in_training: bool) -> Metrics:
    """Return the metrics of queries against the places (P, 4, 4) of a map.

    Raises:
        EvaluationError: there are no queries.
    """
    if not queries:
        raise EvaluationError("no image with a true pose was answered: nothing to measure")
    position = np.array([q.position_error for q in queries])
    heading = np.array([q.heading_error for q in queries])
    latency = np.array([q.latency_ms for q in queries])
    true = np.stack([q.T_map_base_true[:2, 3] for q in queries])
    to_places = np.linalg.norm(true[:, None] - places[None, :, :2, 3], axis=-1)
    accepted = np.array([q.status is Status.SUCCESS for q in queries])
    within = {t: float((position < t).mean()) for t in THRESHOLDS}
    return Metrics(
        queries=len(queries),
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
