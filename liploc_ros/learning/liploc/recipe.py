"""Settings of LIP-Loc's recipe."""

from typing import Literal

from pydantic import Field, model_validator

from liploc_ros.geometry import ViewGrid
from liploc_ros.learning.recipe import BaseRecipe

COLUMNS, ROWS = 900, 64  # of the range image
UP_DEG, DOWN_DEG = 3.0, -25.0
FARTHEST = 120.0  # metres that a Velodyne HDL-64E measures


class LiplocRecipe(BaseRecipe):
    """Encoders, range image, loss and learning rates.

    What begins with ``released_`` brings back a fault of the published code, for comparison with its results.
    """

    method: Literal["liploc"] = "liploc"
    encoder: str = Field("vit_small_patch16_224", description="timm's name of the trunk of both encoders")
    embedding: int = Field(256, gt=0, description="numbers of an embedding")
    image: int = Field(224, gt=0, description="rows and columns that the encoders see")
    range_threshold: float | None = Field(50.0, gt=2, description="farther points are dropped [m]; null: none")
    fov_crop: bool = Field(True, description="the range image's middle third and upper half; false: all of it")
    headings: int = Field(36, gt=0, description="headings a place that a map holds")
    gaps: tuple[float, ...] = Field(
        (0,), min_length=1, description="from a sample to the scans its range images are drawn from [m]; 0: its own"
    )
    dropout: float = Field(0.9, ge=0, le=1, description="share of inputs of which rectangles are blanked")
    loss: Literal["soft", "hard", "triplet"] = "hard"
    temperature: float = Field(0.07, gt=0, description="of the batched losses, at the start")
    learned_temperature: bool = True
    margin: float = Field(0.2, gt=0, le=2, description="of the triplet loss, in similarity")
    near: float = Field(6.0, ge=0, description="frames closer than this are neither attracted nor repelled [m]; 0: off")
    camera_rate: float = Field(1e-5, gt=0, description="learning rate of the camera encoder's trunk")
    lidar_rate: float = Field(1e-4, gt=0, description="learning rate of the LiDAR encoder's trunk")
    head_rate: float = Field(1e-3, gt=0, description="learning rate of projection heads and temperature")
    released_unnormalised: bool = Field(False, description="embeddings keep their length; products, not cosines")
    released_targets: bool = Field(False, description="soft targets times the temperature, with gradients, transposed")
    released_range_image: bool = Field(
        False, description="251 of 255 where nothing returned, blended by bilinear scaling"
    )

    @model_validator(mode="after")
    def _heads_ahead(self) -> "LiplocRecipe":
        if COLUMNS % self.headings or (self.grid.width < COLUMNS and self.grid.width % (COLUMNS // self.headings)):
            raise ValueError(f"{self.headings} headings: none looks straight ahead; take 3, 6, 9, 12, 18, 36 or 90")
        return self

    @property
    def grid(self) -> ViewGrid:
        """What of the range image is used. Nothing is filled in between the beams, as in the paper."""
        cropped = self.fov_crop
        return ViewGrid(
            azimuth_deg=120 if cropped else 360,
            up_deg=UP_DEG,
            down_deg=(UP_DEG + DOWN_DEG) / 2 if cropped else DOWN_DEG,
            width=COLUMNS // 3 if cropped else COLUMNS,
            height=ROWS // 2 if cropped else ROWS,
            far=FARTHEST if self.range_threshold is None else self.range_threshold,
            fill_rows=0,
        )
