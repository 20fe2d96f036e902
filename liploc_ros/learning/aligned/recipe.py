"""Settings of aligned views."""

from typing import Literal

from pydantic import Field

from liploc_ros.geometry import ViewGrid
from liploc_ros.learning.recipe import BaseRecipe
from liploc_ros.schema import FrozenModel


class VirtualViews(FrozenModel):
    """LiDAR views that are drawn at a frame's place from the scans of other frames. Lengths in metres."""

    views: int = Field(6, ge=0, description="drawn for each frame, besides that of its own scan")
    nearest: float = Field(1.0, ge=0, description="least distance to the scans that a view is drawn from ...")
    farthest: float = Field(14.0, ge=0, description="... which is drawn anew for each view, up to this")
    scans_per_side: int = Field(3, ge=1, description="most scans behind, and most ahead")
    one_side: float = Field(0.2, ge=0, le=1, description="share of views that are drawn from behind or ahead alone")
    cleaned: float = Field(1.0, ge=0, le=1, description="share of views drawn without what other scans saw through")


class AlignedRecipe(BaseRecipe):
    """What is drawn, which pairs are masked, and how fast the parts learn."""

    method: Literal["aligned"] = "aligned"
    grid: ViewGrid = ViewGrid()
    virtual: VirtualViews = VirtualViews()
    own_scan: float = Field(0.25, ge=0, le=1, description="share of pairs whose LiDAR view is of the frame's own scan")
    mosaic: float = Field(
        0.5, ge=0, le=1, description="share of pairs that are put together from columns of two frames"
    )
    near: float = Field(6.0, ge=0, description="frames closer than this are neither attracted nor repelled [m]")
    across_frames: float = Field(
        0.15, ge=0, description="weight of telling a cell from the same cell of other frames; from its frame's own is 1"
    )
    whole_views: float = Field(0.15, ge=0, description="weight of telling whole views apart")
    camera_trunk_rate: float = Field(
        3e-5, gt=0, description="learning rate of the camera's trunk: it is pretrained ..."
    )
    lidar_trunk_rate: float = Field(3e-4, gt=0, description="... on images, and the LiDAR's has farther to go")
    head_rate: float = Field(1.5e-3, gt=0, description="learning rate of heads and temperature")
    common: float = Field(
        0.25, ge=0, le=1, description="share of what camera cells have in common everywhere that is taken off them"
    )
    pool: int = Field(1, ge=1, description="cells a side that are averaged in a descriptor")
