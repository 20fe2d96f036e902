"""What an evaluation found: the numbers, and the answers they are counted from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.evaluation.database import Database
from liploc_ros.evaluation.metrics import RateByThreshold, RetrievalMetrics
from liploc_ros.evaluation.options import EvaluationOptions
from liploc_ros.evaluation.scene import Scene
from liploc_ros.geometry import Pose


class ProtocolMetrics(RetrievalMetrics):
    """The headline's figures, which are those of the compressed descriptors, and what they are of."""

    protocol: str
    zero_shot: bool
    drive: str
    camera: str
    model: str
    model_id: str
    trained_on: tuple[str, ...] = Field(description="drives, without single frames")
    in_training: bool = Field(description="whether the model was trained on the drive it is shown on")
    headings: str = Field(description="known: given to the search; all: found by it")
    thresholds_m: tuple[float, ...]
    queries: int
    places: int
    scans: int
    one_percent: int = Field(description="places that recall@1 % looks at")
    options: EvaluationOptions
    full: RetrievalMetrics = Field(description="by uncompressed descriptors")
    refined: RetrievalMetrics | None = Field(None, description="what the localizer makes of the best places")
    released_recall_at_1: RateByThreshold | None = Field(
        None, description="of same-frame: by distances without the camera's x axis, as LIP-Loc's published code counts"
    )
    same_heading: RetrievalMetrics | None = Field(
        None, description="of revisit: where the nearest older scan headed alike"
    )
    opposite_heading: RetrievalMetrics | None = Field(None, description="of revisit: where it headed the other way")
    recall_at_1_over_gap: dict[str, RateByThreshold] = Field({}, description="by gap [m] and threshold")
    command: str = Field("", description="that made this")


@dataclass(frozen=True)
class Result:
    """An evaluation.

    Attributes:
        metrics: the numbers.
        scene: what was asked for, and the scans.
        database: the places.
        found: (Q,) the place that the compressed descriptors give, or -1.
        heading: (Q,) yaw [rad] of the view there in the place's frame.
        nearest: (Q,) the place that would be best, or -1.
        scores: (Q,) similarities.
        position_error: (Q,) horizontal [m]; infinite where nothing was found.
        T_map_base_refined: of each query what the localizer makes of it; empty where that was not asked.
    """

    metrics: ProtocolMetrics
    scene: Scene
    database: Database
    found: NDArray[np.intp]
    heading: NDArray[np.float64]
    nearest: NDArray[np.intp]
    scores: NDArray[np.float32]
    position_error: NDArray[np.float64]
    T_map_base_refined: tuple[Pose | None, ...] = ()
