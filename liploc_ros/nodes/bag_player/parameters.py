# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Parameters of the bag player."""

from pydantic import Field

from liploc_ros.nodes.common.parameter_table import StringArray
from liploc_ros.schema import FrozenModel


class BagPlayerParameters(FrozenModel):
    """How a bag is played."""

    bag: str = Field("", description="rosbag2 folder, .mcap or .db3 file")
    rate: float = Field(1.0, gt=0, le=1000, description="speed relative to the recording")
    loop: bool = Field(False, description="restart at the end")
    clock: float = Field(40.0, ge=0, le=1000, description="minimum rate of /clock [Hz]; 0: /clock is not published")
    topics: StringArray = Field((), description="topics to play; an empty entry is ignored; none: all topics")
    wait_for_subscribers: float = Field(
        0.0,
        ge=0,
        description="maximum time to wait until each of topics has a subscriber (without topics: any of them) [s]",
    )
    wait_for_topics: StringArray = Field(
        (),
        description="wait for subscribers of these topics instead, raw or with /compressed; topics that are not played "
        "and empty entries are ignored",
    )
