# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The description of a model bundle: ``model.json``."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AliasChoices, Field, model_validator

from liploc_ros.geometry import ViewGrid
from liploc_ros.schema import FrozenModel

FORMAT_VERSION = 1
HEADINGS_PER_BATCH = 12  # of a liploc model: faster than one by one; larger batches need more memory

LidarChannel = Literal["log_range", "range", "reflectance", "mask"]
Part = Literal["camera", "lidar"]
Precision = Literal["fp32", "fp16"]
FILES: dict[Part, str] = {"camera": "camera.onnx", "lidar": "lidar.onnx"}
FP16_FILES: dict[Part, str] = {"camera": "camera_fp16.onnx", "lidar": "lidar_fp16.onnx"}
ONNX_FILES: dict[Precision, dict[Part, str]] = {"fp32": FILES, "fp16": FP16_FILES}


class InputSpec(FrozenModel):
    """How drawn views become the encoders' input; camera pixels outside the field of view become 0."""

    camera_mean: tuple[float, float, float] = Field((0.485, 0.456, 0.406), description="of RGB scaled to 0..1")
    camera_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    lidar_scale: tuple[float, float, float] = Field((4.0, 4.0, 2.0), description="of log range, reflectance, mask")
    lidar_shift: tuple[float, float, float] = (-2.0, -1.0, -1.0)
    panorama_margin: int = Field(
        40, ge=0, description="columns repeated on both sides, so that the panorama wraps around 360 degrees"
    )
    lidar_channels: tuple[LidarChannel, LidarChannel, LidarChannel] = Field(
        ("log_range", "reflectance", "mask"), description="input channels; ranges are 1 at the far limit of the grid"
    )
    lidar_empty: float = Field(0.0, ge=0, le=1, description="range value of pixels without a return")
    image_side: int = Field(224, gt=0, description="rows and columns to which whole images are scaled (liploc)")


class ConfidenceModel(FrozenModel):
    """The fitted model that turns match scores into confidence and covariance.

    It is fitted to images and scans that the encoders were not trained on. A model that was never fitted has only
    ``min_score``, ``min_margin`` and ``temperature``; its confidence is 0.5 at ``min_score``.

    Bundles and maps written before 2026-11-26 use the older key of a renamed field; both keys are read.
    """

    min_score: float = Field(
        ge=-1,
        description="similarity that images from other places rarely reach; may exceed 1 for unnormalized embeddings",
    )
    min_margin: float = Field(
        ge=0, description="a first hypothesis whose probability exceeds the second's by less is ambiguous"
    )
    temperature: float = Field(gt=0, description="of similarities; used where score_weights is empty")
    score_weights: tuple[float, ...] = Field(
        (),
        validation_alias=AliasChoices("score_weights", "evidence"),
        description="log-odds per unit of similarity, then of distinctiveness, for each row of cells from the top",
    )
    min_column_similarity: float = Field(
        -1.0,
        ge=-1,
        le=1,
        description="a column of cells whose mean cosine is lower counts as this: a vehicle may hide the place there; "
        "-1 for no limit, as in models before 2026-11-27",
    )
    confidence_weights: tuple[float, ...] | None = Field(
        None,
        min_length=4,
        max_length=5,
        validation_alias=AliasChoices("confidence_weights", "confidence"),
        description="log-odds that the first hypothesis is correct, per unit of similarity, prominence for the share "
        "that is seen, prominence in standard deviations, and log of the share that is seen, and a constant; models "
        "before 2026-11-26: of match score, similarity and prominence, and a constant",
    )
    reference_length: float = Field(
        0.0,
        ge=0,
        validation_alias=AliasChoices("reference_length", "path_length"),
        description="path length of the shortest map it was fitted on [m]; a longer map lowers the confidence",
    )
    length_exponent: float = Field(
        1.0, ge=0, description="log-odds that are subtracted per log of map length over reference_length"
    )
    min_confidence: float = Field(0.5, ge=0, le=1, description="confidence below which the place is unknown")
    spread_position: float = Field(
        1.0,
        gt=0,
        description="factor on the variance of matched positions along the path, and of the spacing of places",
    )
    spread_lateral: float = Field(1.0, gt=0, description="the same across the path")
    spread_heading: float = Field(1.0, gt=0, description="factor on the variance of matched headings")
    sigma_position: float = Field(0.7, gt=0, description="standard deviation added along the path [m]")
    sigma_lateral: float = Field(0.5, gt=0, description="standard deviation added across the path [m]")
    sigma_heading: float = Field(0.02, gt=0, description="standard deviation added to the heading [rad]")
    source: str = Field(description="what it was fitted to")


class TrainingSpec(FrozenModel):
    """Where the weights come from."""

    drives: tuple[str, ...] = Field(description="names of the drives in training")
    frames: int
    steps: int
    seed: int
    recipe: str
    trunk: str
    skipped: int = Field(0, ge=0, description="frames left out because they could not be read")
    data: str = Field("", description="sha256 over the hashes of the drives; empty in bundles of older versions")


class FeatureLayout(FrozenModel):
    """How the features of a view are arranged: the grid, the cells on it, and the vector of each cell.

    A model of aligned views (``aligned``) gives one vector per cell of ``stride`` x ``stride`` pixels. A model of whole
    images (``liploc``) gives one vector per image: a single row of features, one per heading, and nothing is pooled.
    """

    grid: ViewGrid
    method: Literal["aligned", "liploc"] = Field("aligned", description="one vector per cell, or one per whole image")
    stride: int = Field(gt=0, description="side of a cell [pixel]; for liploc the columns between two headings")
    pool: int = Field(2, ge=1, description="cells per side that are averaged in a descriptor")
    channels: int = Field(gt=0, description="length of a feature vector")

    @model_validator(mode="after")
    def _is_consistent(self) -> "FeatureLayout":
        if self.embeds_whole_image and self.pool != 1:
            raise ValueError(f"pool {self.pool} with method liploc: an image is one cell, so pool must be 1")
        if self.grid.panorama_width % (self.stride * self.pool):
            raise ValueError(
                f"stride {self.stride} and pool {self.pool} do not divide {self.grid.panorama_width} columns"
            )
        return self

    @property
    def embeds_whole_image(self) -> bool:
        """Whether an image has one feature vector instead of one per cell."""
        return self.method == "liploc"

    @property
    def rows(self) -> int:
        """Rows of features of a view or panorama."""
        return 1 if self.embeds_whole_image else self.grid.height // self.stride

    @property
    def view_columns(self) -> int:
        """Columns of features of a camera view."""
        return 1 if self.embeds_whole_image else self.grid.width // self.stride

    @property
    def panorama_columns(self) -> int:
        """Columns of features of a panorama."""
        return self.grid.panorama_width // self.stride

    @property
    def headings(self) -> int:
        """Number of headings per place in the search index."""
        return self.panorama_columns // self.pool

    @property
    def column_angle(self) -> float:
        """Angle between two columns of features [rad]."""
        return self.stride * self.grid.column_pitch

    def column_yaw(self, column: NDArray[np.integer | np.floating]) -> NDArray[np.float64]:
        """Return the yaw [rad] of views whose first column of features is ``column`` of the panorama.

        Left is positive; the result is between -pi and pi. Fractions of a column are allowed.
        """
        yaw = np.pi - (column * self.stride + self.grid.width / 2) * self.grid.column_pitch
        return np.asarray((yaw + np.pi) % (2 * np.pi) - np.pi)

    def heading_yaw(self, heading: NDArray[np.integer | np.floating]) -> NDArray[np.float64]:
        """Return the yaw [rad] of headings of the search index, left positive, between -pi and pi."""
        return self.column_yaw(np.asarray(heading) * self.pool)

    @property
    def heading_yaws(self) -> NDArray[np.float64]:
        """(headings,) yaw [rad] of every heading of the search index."""
        return self.heading_yaw(np.arange(self.headings))


class ModelSpec(FeatureLayout):
    """``model.json`` of a bundle."""

    format_version: int = FORMAT_VERSION
    name: str
    inputs: InputSpec
    confidence_model: ConfidenceModel = Field(validation_alias=AliasChoices("confidence_model", "acceptance"))
    training: TrainingSpec
    licence: str
    files: dict[str, str] = Field(description="sha256 of each ONNX file; bundles of older versions have none in fp16")
    coding: str | None = Field(None, description="sha256 of coding.npz, by which maps are coded; null: there is none")

    @property
    def has_fp16(self) -> bool:
        """Whether the bundle has both encoders in half precision."""
        return self.files.keys() >= set(FP16_FILES.values())
