# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The result of an evaluation: the metrics, and the retrieved places they are computed from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.evaluation.database import Database
from liploc_ros.evaluation.localizer_metrics import LocalizerMetrics
from liploc_ros.evaluation.metrics import RateByThreshold, RetrievalMetrics
from liploc_ros.evaluation.options import EvaluationOptions
from liploc_ros.evaluation.scene import Scene
from liploc_ros.localization import Localization


class ProtocolMetrics(RetrievalMetrics):
    """The metrics of a protocol; the inherited fields are those of retrieval by compressed descriptors."""

    protocol: str
    zero_shot: bool
    gap_m: float | None = Field(None, description="gap-D: map scans are at least this far from the image")
    drive: str
    camera: str
    model: str
    model_id: str
    trained_on: tuple[str, ...] = Field(description="drives, without single frames")
    in_training: bool = Field(description="whether the model was trained on this drive")
    headings: str = Field(description="known: given to the search; all: all are searched")
    thresholds_m: tuple[float, ...]
    queries: int
    places: int
    scans: int
    one_percent: int = Field(description="number of places counted by recall@1 %")
    options: EvaluationOptions
    full: RetrievalMetrics = Field(description="retrieval by uncompressed descriptors")
    localized: LocalizerMetrics | None = Field(None, description="the localizer on the best places")
    released_recall_at_1: RateByThreshold | None = Field(
        None, description="same-frame: distances without the camera's x axis, as in LIP-Loc's published code"
    )
    same_heading: RetrievalMetrics | None = Field(
        None, description="revisit: queries whose nearest older scan had the same heading"
    )
    opposite_heading: RetrievalMetrics | None = Field(
        None, description="revisit: queries whose nearest older scan had the opposite heading"
    )
    recall_at_1_over_gap: dict[str, RateByThreshold] = Field({}, description="by gap [m] and threshold")
    command: str = Field("", description="that produced this result")


@dataclass(frozen=True)
class EvaluationResult:
    """An evaluation.

    Attributes:
        metrics: the metrics.
        scene: images, scans and path.
        database: the places.
        found: (Q,) the place retrieved by compressed descriptors, or -1.
        heading: (Q,) yaw [rad] of the view there in the place's frame.
        camera_heading: yaw [rad] in the base frame of the middle of the camera views.
        nearest: (Q,) the nearest allowed place, or -1.
        scores: (Q,) similarities.
        position_error: (Q,) horizontal [m]; infinite if nothing was found.
        localized: (Q) of the localizer, None for an image that shows nothing; empty if it was not run.
        localized_error: (Q, 3) of its first hypotheses: along and across the true heading [m], of the heading [rad].
    """

    metrics: ProtocolMetrics
    scene: Scene
    database: Database
    found: NDArray[np.intp]
    heading: NDArray[np.float64]
    camera_heading: float
    nearest: NDArray[np.intp]
    scores: NDArray[np.float32]
    position_error: NDArray[np.float64]
    localized: tuple[Localization | None, ...]
    localized_error: NDArray[np.float64]
