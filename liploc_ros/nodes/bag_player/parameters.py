"""Parameters of the bag player."""

from pydantic import Field

from liploc_ros.schema import FrozenModel


class BagPlayerParameters(FrozenModel):
    """How a bag is played."""

    bag: str = Field("", description="rosbag2 folder, .mcap or .db3 file")
    rate: float = Field(1.0, gt=0, le=1000, description="how many times as fast as it was recorded")
    loop: bool = Field(False, description="start again at the end")
    clock: float = Field(
        40.0, ge=0, le=1000, description="how often a second /clock is published, at least; 0: not at all"
    )
    topics: tuple[str, ...] = Field((), description="play only these topics; unset: all")
    wait_for_subscribers: float = Field(
        0.0, ge=0, description="seconds to wait at most until each of topics has a subscriber (topics unset: any)"
    )
    wait_for_topics: tuple[str, ...] = Field(
        (),
        description="wait instead until each of these has a subscriber, itself or with /compressed; those that are not "
        "played are passed over; unset: as said above",
    )
