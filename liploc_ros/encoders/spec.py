"""What a model bundle says of itself: ``model.json``."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from liploc_ros.geometry import ViewGrid

FORMAT_VERSION = 1

LidarChannel = Literal["log_range", "range", "reflectance", "mask"]
Part = Literal["camera", "lidar"]
FILES: dict[Part, str] = {"camera": "camera.onnx", "lidar": "lidar.onnx"}
HEADINGS_AT_ONCE = 12  # of a model for whole images; a batch is quicker than one by one, more need memory


class InputSpec(BaseModel):
    """How drawn views become the encoders' input; unseen camera pixels become 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    camera_mean: tuple[float, float, float] = Field((0.485, 0.456, 0.406), description="of RGB scaled to 0..1")
    camera_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    lidar_scale: tuple[float, float, float] = Field((4.0, 4.0, 2.0), description="of log range, reflectance, mask")
    lidar_shift: tuple[float, float, float] = (-2.0, -1.0, -1.0)
    panorama_margin: int = Field(40, ge=0, description="columns repeated on both sides, so that the panorama closes")
    lidar_channels: tuple[LidarChannel, LidarChannel, LidarChannel] = Field(
        ("log_range", "reflectance", "mask"), description="what the LiDAR encoder sees; ranges are 1 at the grid's far"
    )
    lidar_empty: float = Field(0.0, ge=0, le=1, description="range where nothing returned")
    image_side: int = Field(224, gt=0, description="rows and columns to which whole images are scaled (liploc)")


class AcceptanceSpec(BaseModel):
    """What similarities mean: log-odds, confidence and errors of answers, from frames the model did not train on.

    Bundles that were never calibrated have only ``min_score``, ``min_margin`` and ``temperature``; confidence is then
    1/2 at ``min_score``.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_score: float = Field(
        ge=-1,
        description="similarity that hardly any image from elsewhere reaches; above 1 for embeddings of any length",
    )
    min_margin: float = Field(ge=0, description="lead in probability over the next place, below which it is ambiguous")
    temperature: float = Field(gt=0, description="of similarities, where there are no weights of evidence")
    evidence: tuple[float, ...] = Field(
        (), description="log-odds a unit of similarity, then of distinctness, of each row of cells from the top"
    )
    confidence: tuple[float, float, float, float] | None = Field(
        None, description="log-odds that an answer is right: a unit of evidence, similarity, prominence; and a constant"
    )
    path_length: float = Field(
        0.0, ge=0, description="of the shortest map it was fitted on [m]; a longer one has more to be mistaken for"
    )
    min_confidence: float = Field(0.5, ge=0, le=1, description="below it the place is unknown")
    spread_position: float = Field(
        1.0, gt=0, description="how much of the variance along the path of matches and between places is error"
    )
    spread_heading: float = Field(1.0, gt=0, description="how much of the variance of the matches' heading is error")
    sigma_position: float = Field(0.7, gt=0, description="standard deviation along the path beyond the spread [m]")
    sigma_heading: float = Field(0.02, gt=0, description="standard deviation of the heading beyond the spread [rad]")
    source: str = Field(description="how the numbers were found")


class TrainingSpec(BaseModel):
    """Where the weights come from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    drives: tuple[str, ...] = Field(description="names of the drives that were trained on")
    frames: int
    steps: int
    seed: int
    recipe: str
    trunk: str
    skipped: int = Field(0, ge=0, description="frames that were left out, because they could not be read")
    data: str = Field("", description="sha256 over the hashes of the drives; empty in bundles of older versions")


class ModelSpec(BaseModel):
    """``model.json`` of a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = FORMAT_VERSION
    name: str
    grid: ViewGrid
    method: Literal["aligned", "liploc"] = Field("aligned", description="a vector a cell, or one a whole image")
    stride: int = Field(gt=0, description="pixels of a cell's side; of liploc, columns between two headings")
    pool: int = Field(2, ge=1, description="cells a side that are averaged in a descriptor")
    channels: int = Field(gt=0, description="length of a cell's vector")
    inputs: InputSpec
    acceptance: AcceptanceSpec
    training: TrainingSpec
    licence: str
    files: dict[str, str] = Field(description="sha256 of each file")

    @model_validator(mode="after")
    def _is_consistent(self) -> "ModelSpec":
        if self.method == "liploc" and self.pool != 1:
            raise ValueError(f"pool {self.pool} of method liploc: an image is one cell, so there is nothing to pool")
        if self.grid.panorama_width % (self.stride * self.pool):
            raise ValueError(
                f"stride {self.stride} and pool {self.pool} do not divide {self.grid.panorama_width} columns"
            )
        return self
