# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Settings of LIP-Loc's method."""

from typing import Literal

from pydantic import AliasChoices, Field, model_validator

from liploc_ros.geometry import ViewGrid
from liploc_ros.learning.recipe import BaseRecipe

COLUMNS, ROWS = 900, 64  # of the range image
UP_DEG, DOWN_DEG = 3.0, -25.0
SENSOR_RANGE = 120.0  # of a Velodyne HDL-64E [m]


class LiplocRecipe(BaseRecipe):
    """Encoders, range image, loss and learning rates.

    Each setting that starts with ``released_`` reproduces a fault of the published code, to compare with its results.
    Recipes written before 2026-11-26 use the older key of a renamed field; both keys are read.
    """

    method: Literal["liploc"] = "liploc"
    encoder: str = Field("vit_small_patch16_224", description="timm's name of the trunk of both encoders")
    embedding: int = Field(256, gt=0, description="length of an embedding")
    image: int = Field(224, gt=0, description="rows and columns of the encoder inputs")
    range_threshold: float | None = Field(50.0, gt=2, description="points farther away are dropped [m]; null: none")
    fov_crop: bool = Field(True, description="use the middle third and upper half of the range image; false: all of it")
    headings: int = Field(36, gt=0, description="headings per place in a map")
    gaps: tuple[float, ...] = Field(
        (0,),
        min_length=1,
        description="distances of a sample to the scans from which its range images are drawn [m]; 0: its own scan",
    )
    dropout: float = Field(0.9, ge=0, le=1, description="fraction of inputs in which rectangles are set to 0")
    loss: Literal["soft", "hard", "triplet"] = "hard"
    temperature: float = Field(0.07, gt=0, description="initial temperature of the soft and hard loss")
    learned_temperature: bool = True
    margin: float = Field(0.2, gt=0, le=2, description="of the triplet loss, in similarity")
    min_negative_distance: float = Field(
        6.0,
        ge=0,
        validation_alias=AliasChoices("min_negative_distance", "near"),
        description="frames closer than this are not used as negatives of each other [m]; 0: off",
    )
    camera_trunk_rate: float = Field(
        1e-5,
        gt=0,
        validation_alias=AliasChoices("camera_trunk_rate", "camera_rate"),
        description="learning rate of the camera trunk",
    )
    lidar_trunk_rate: float = Field(
        1e-4,
        gt=0,
        validation_alias=AliasChoices("lidar_trunk_rate", "lidar_rate"),
        description="learning rate of the LiDAR trunk",
    )
    head_rate: float = Field(1e-3, gt=0, description="learning rate of the projection heads and the temperature")
    released_unnormalised: bool = Field(
        False, description="embeddings keep their length; inner products instead of cosines"
    )
    released_targets: bool = Field(
        False, description="soft targets multiplied by the temperature, with gradients, transposed"
    )
    released_range_image: bool = Field(
        False, description="251 of 255 for pixels without a return, blended by bilinear scaling"
    )

    @model_validator(mode="after")
    def _check_headings(self) -> "LiplocRecipe":
        if COLUMNS % self.headings or (self.grid.width < COLUMNS and self.grid.width % (COLUMNS // self.headings)):
            raise ValueError(f"{self.headings} headings: none faces straight ahead: use 3, 6, 9, 12, 18, 36 or 90")
        return self

    @property
    def grid(self) -> ViewGrid:
        """The used part of the range image. Rows between the beams are not filled, as in the paper."""
        cropped = self.fov_crop
        return ViewGrid(
            azimuth_deg=120 if cropped else 360,
            up_deg=UP_DEG,
            down_deg=(UP_DEG + DOWN_DEG) / 2 if cropped else DOWN_DEG,
            width=COLUMNS // 3 if cropped else COLUMNS,
            height=ROWS // 2 if cropped else ROWS,
            far=SENSOR_RANGE if self.range_threshold is None else self.range_threshold,
            fill_rows=0,
        )
