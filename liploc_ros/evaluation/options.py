"""Settings of an evaluation."""

from typing import Literal

from pydantic import Field

from liploc_ros.errors import LiplocError
from liploc_ros.schema import FrozenModel


class EvaluationError(LiplocError):
    """Nothing that could be evaluated."""


class EvaluationOptions(FrozenModel):
    """How places are drawn and searched. Lengths in metres."""

    places: Literal["path", "frames"] = Field("path", description="of gap-D: evenly along the path, or at every frame")
    place_spacing: float = Field(1.0, gt=0, description="distance along the path between places, of gap-D")
    max_gap: float = Field(40.0, gt=0, description="where poses are farther apart than this there are no places")
    scans_per_place: int = Field(6, ge=1, le=20, description="nearest scans that a place is drawn from, of gap-D")
    remove_dynamic: bool = Field(
        True, description="of gap-D: leave out points that another scan saw through, which is as far away"
    )
    headings: Literal["known", "all"] = Field(
        "known", description="known: views along the heading of the vehicle, as LIP-Loc; all: every heading is searched"
    )
    thresholds: tuple[float, ...] = Field((1, 2, 5, 10, 20), min_length=1, description="within which a place is right")
    index_size: int = Field(256, gt=0, description="bytes of a descriptor in the index")
    refine: bool = Field(True, description="also give what the localizer makes of the best places")
    candidates: int = Field(48, gt=0, le=1024, description="places that are refined")
    camera: str | None = Field(None, description="optical frame of the camera; the first one when left out")
