"""What a model bundle says of itself: ``model.json``."""

from pydantic import BaseModel, ConfigDict, Field

from liploc_ros.geometry import ViewGrid

FORMAT_VERSION = 1


class InputSpec(BaseModel):
    """How drawn views become the encoders' input; unseen camera pixels become 0."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    camera_mean: tuple[float, float, float] = Field((0.485, 0.456, 0.406), description="of RGB scaled to 0..1")
    camera_std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    lidar_scale: tuple[float, float, float] = Field((4.0, 4.0, 2.0), description="of log range, reflectance, mask")
    lidar_shift: tuple[float, float, float] = (-2.0, -1.0, -1.0)
    panorama_margin: int = Field(32, ge=0, description="columns repeated on both sides, so that the panorama closes")


class AcceptanceSpec(BaseModel):
    """Scores at which a hypothesis counts as found; from frames the model did not train on."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_score: float = Field(ge=-1, le=1, description="below it the place is unknown")
    min_margin: float = Field(ge=0, le=2, description="lead over the next place, below which the answer is ambiguous")
    temperature: float = Field(gt=0, description="of the probabilities over hypotheses")
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


class ModelSpec(BaseModel):
    """``model.json`` of a bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = FORMAT_VERSION
    name: str
    grid: ViewGrid
    stride: int = Field(gt=0, description="pixels of a cell's side")
    channels: int = Field(gt=0, description="length of a cell's vector")
    inputs: InputSpec
    acceptance: AcceptanceSpec
    training: TrainingSpec
    licence: str
    files: dict[str, str] = Field(description="sha256 of each file")
