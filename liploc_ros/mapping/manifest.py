"""``manifest.json``: what a map is, and the checksums of its files."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from liploc_ros.encoders.spec import AcceptanceSpec
from liploc_ros.geometry import ViewGrid
from liploc_ros.mapping.config import MapConfig

FORMAT_VERSION = 2


class StoredFile(BaseModel):
    """Size and checksum of a file of the map."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str
    bytes: int


class Source(BaseModel):
    """What a map was made from."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    scans: int = Field(ge=0, description="scans looked at")
    sha256: str = Field("", description="of the points kept, in order")


class Manifest(BaseModel):
    """The map's own description. Lengths in metres, frames after REP-105."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: int = FORMAT_VERSION
    liploc_version: str
    created_at: str = Field(description="UTC, ISO 8601")
    model_id: str = Field(description="hash of the model bundle that drew the descriptors")
    model_name: str
    trained_on: tuple[str, ...] = Field((), description="drives the model was trained on")
    grid: ViewGrid
    stride: int
    method: Literal["aligned", "liploc"] = "aligned"
    pool: int = Field(2, description="cells a side that are averaged in a descriptor")
    channels: int
    metric: Literal["inner_product"] = "inner_product"
    config: MapConfig
    calibration: AcceptanceSpec | None = Field(None, description="what similarities mean; the model's where left out")
    map_frame: str
    base_frame: str
    datum: str = Field(description="what the origin of the map frame is")
    view_origin: tuple[float, float, float] = Field(description="where in the base frame the views were drawn")
    sources: tuple[Source, ...]
    keyframes: int
    places: int
    headings: int
    path_length: float
    files: dict[str, StoredFile]
