"""Settings of aligned views."""

from typing import Literal

from pydantic import Field

from liploc_ros.geometry import ViewGrid
from liploc_ros.learning.recipe import BaseRecipe


class AlignedRecipe(BaseRecipe):
    """What is drawn, which pairs are masked, and how fast the parts learn."""

    method: Literal["aligned"] = "aligned"
    grid: ViewGrid = ViewGrid()
    gaps: tuple[float, ...] = Field(
        (0, 3, 6, 10), min_length=1, description="from a sample to the scans its LiDAR views are drawn from [m]"
    )
    near: float = Field(6.0, ge=0, description="frames closer than this are neither attracted nor repelled [m]")
    trunk_rate: float = Field(3e-4, gt=0, description="learning rate of the trunks")
    head_rate: float = Field(1.5e-3, gt=0, description="learning rate of heads and temperature")
