# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Settings of aligned views."""

from typing import Literal

from pydantic import AliasChoices, Field

from liploc_ros.geometry import ViewGrid
from liploc_ros.learning.recipe import BaseRecipe
from liploc_ros.schema import FrozenModel


class VirtualViews(FrozenModel):
    """LiDAR views at the pose of a frame, drawn from the scans of other frames. Lengths are in metres.

    Each view uses scans that are at least a *gap* away. The gap is drawn uniformly for each view.
    Recipes written before 2026-11-26 use the older key of a renamed field; both keys are read.
    """

    views: int = Field(6, ge=0, description="views per frame, in addition to the view from its own scan")
    min_gap: float = Field(
        1.0, ge=0, validation_alias=AliasChoices("min_gap", "nearest"), description="lower limit of the gap"
    )
    max_gap: float = Field(
        14.0, ge=0, validation_alias=AliasChoices("max_gap", "farthest"), description="upper limit of the gap"
    )
    scans_per_side: int = Field(3, ge=1, description="maximum number of scans behind the frame, and ahead of it")
    one_side: float = Field(0.2, ge=0, le=1, description="fraction of views from scans on one side only")
    remove_dynamic: float = Field(
        1.0,
        ge=0,
        le=1,
        validation_alias=AliasChoices("remove_dynamic", "cleaned"),
        description="fraction of views without the points of moving objects",
    )


class AlignedRecipe(BaseRecipe):
    """Views, loss and learning rates of aligned views.

    Recipes written before 2026-11-26 use the older key of a renamed field; both keys are read.
    """

    method: Literal["aligned"] = "aligned"
    grid: ViewGrid = ViewGrid()
    virtual: VirtualViews = VirtualViews()
    own_scan: float = Field(
        0.25, ge=0, le=1, description="fraction of pairs whose LiDAR view is drawn from the frame's own scan"
    )
    mosaic: float = Field(0.5, ge=0, le=1, description="fraction of pairs that are combined from columns of two frames")
    min_negative_distance: float = Field(
        6.0,
        ge=0,
        validation_alias=AliasChoices("min_negative_distance", "near"),
        description="frames closer than this are not used as negatives of each other [m]",
    )
    frame_loss_weight: float = Field(
        0.15,
        ge=0,
        validation_alias=AliasChoices("frame_loss_weight", "across_frames"),
        description="weight of the loss of cells across frames; the loss of cells within a frame has weight 1",
    )
    view_loss_weight: float = Field(
        0.15,
        ge=0,
        validation_alias=AliasChoices("view_loss_weight", "whole_views"),
        description="weight of the loss of whole views",
    )
    camera_trunk_rate: float = Field(3e-5, gt=0, description="learning rate of the camera trunk, pretrained on images")
    lidar_trunk_rate: float = Field(
        3e-4, gt=0, description="learning rate of the LiDAR trunk; higher, because it was pretrained on images too"
    )
    head_rate: float = Field(1.5e-3, gt=0, description="learning rate of the heads and the temperature")
    mean_removal: float = Field(
        0.25,
        ge=0,
        le=1,
        validation_alias=AliasChoices("mean_removal", "common"),
        description="fraction of the mean camera feature of each cell that is subtracted",
    )
    pool: int = Field(1, ge=1, description="cells per side that are averaged in a descriptor")
