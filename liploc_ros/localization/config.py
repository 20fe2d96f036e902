"""Settings of the localizer."""

from pydantic import BaseModel, ConfigDict, Field

from liploc_ros.encoders import Backend, Precision


class LocalizerConfig(BaseModel):
    """How an image is localized. None takes the value that comes with the map or the model bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidates: int = Field(48, gt=0, le=1024, description="places x headings taken from the index")
    heading_reach: int = Field(3, ge=1, le=16, description="cells to both sides over which a heading is refined")
    merge_distance: float = Field(2.5, gt=0, description="candidates closer than this are one hypothesis [m]")
    merge_angle: float = Field(0.2, gt=0, description="and turned less than this against each other [rad]")
    max_hypotheses: int = Field(5, gt=0, le=255, description="most hypotheses reported")
    min_confidence: float | None = Field(None, ge=0, le=1, description="below it the place is unknown")
    min_margin: float | None = Field(
        None, ge=0, le=1, description="least lead in probability over the next place, else ambiguous"
    )
    sigma_position: float | None = Field(
        None, gt=0, description="standard deviation along the path beyond the spread of the matches [m]"
    )
    sigma_lateral: float = Field(
        0.5, gt=0, description="standard deviation across it: how far vehicles keep beside the mapped path [m]"
    )
    sigma_height: float = Field(0.3, gt=0, description="standard deviation in z, which is the map's [m]")
    sigma_heading: float | None = Field(
        None, gt=0, description="standard deviation of the heading beyond the spread of the matches [rad]"
    )
    sigma_tilt: float = Field(0.02, gt=0, description="standard deviation in roll and pitch, which are the map's [rad]")
    threads: int = Field(0, ge=0, le=64, description="of the inference runtime; 0 takes one for each core")
    backend: Backend = Field("auto", description="what runs the encoder; auto: the fastest that works")
    precision: Precision = Field("fp16", description="of TensorRT's engines; normalisations are fp32")
