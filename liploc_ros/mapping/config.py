"""Settings of a map."""

from pydantic import BaseModel, ConfigDict, Field


class MapConfig(BaseModel):
    """How a map is drawn. Lengths in metres."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    keyframe_spacing: float = Field(10.0, gt=0, description="least distance between the scans that are kept")
    place_spacing: float = Field(1.0, gt=0, description="distance along the path between places")
    longest_gap: float = Field(40.0, gt=0, description="between keyframes farther apart than this no place is drawn")
    scans_per_place: int = Field(
        2, ge=1, le=20, description="keyframes nearest along the path that a place is drawn from"
    )
    drop_moving: bool = Field(True, description="leave out points that another keyframe saw through: moving things")
    view_origin: tuple[float, float, float] | None = Field(
        None, description="where in the base frame the views are drawn; the LiDAR's place when left out"
    )
    point_voxel: float = Field(
        0.1, ge=0, description="side of the voxels to which stored points are thinned; 0 keeps all"
    )
    index_size: int = Field(256, gt=0, description="numbers per descriptor in the search index")
