"""Settings of the localizer."""

from pydantic import BaseModel, ConfigDict, Field


class LocalizerConfig(BaseModel):
    """How an image is localized. None takes the value that comes with the model bundle."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    candidates: int = Field(32, gt=0, le=1024, description="places x headings taken from the index")
    heading_reach: int = Field(2, ge=1, le=16, description="cells to both sides over which a heading is refined")
    merge_distance: float = Field(4.0, gt=0, description="candidates closer than this are one hypothesis [m]")
    merge_angle: float = Field(0.35, gt=0, description="and turned less than this against each other [rad]")
    max_hypotheses: int = Field(5, gt=0, le=255, description="most hypotheses reported")
    min_score: float | None = Field(None, ge=-1, le=1, description="below it the place is unknown")
    min_margin: float | None = Field(None, ge=0, le=2, description="least lead over the next place, else ambiguous")
    sigma_position: float = Field(0.7, gt=0, description="floor of the standard deviation in x and y [m]")
    sigma_height: float = Field(0.3, gt=0, description="standard deviation in z, which is the map's [m]")
    sigma_heading: float = Field(0.02, gt=0, description="floor of the standard deviation in heading [rad]")
    sigma_tilt: float = Field(0.02, gt=0, description="standard deviation in roll and pitch, which are the map's [rad]")
    threads: int = Field(0, ge=0, le=64, description="of the inference runtime; 0 takes one for each core")
