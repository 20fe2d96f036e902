"""Settings of tracking."""

from pydantic import BaseModel, ConfigDict, Field


class TrackingConfig(BaseModel):
    """How belief is carried along, grows and fades."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    independence_distance: float = Field(
        3.0, gt=0, description="way after which an image of the same camera tells as much as the first one [m]"
    )
    trust_leak: float = Field(0.003, ge=0, le=1, description="share of the trust in a hypothesis that is lost a metre")
    most_trust: float = Field(6.0, gt=0, description="log-odds that no hypothesis gets beyond")
    strongest_vote: float = Field(4.0, gt=0, description="log-odds that a single image can add to it or take")
    tracking_sharpness: float = Field(
        0.7, gt=0, description="how much the resemblance of a single image tells, for its support"
    )
    strongest_support: float = Field(20.0, gt=0, description="log-odds that a single image can add to the support")
    tracked_images: int = Field(30, ge=1, le=1000, description="images that hypotheses are supported by")
    tracked_image_spacing: float = Field(0.5, ge=0, description="way between images of a camera that are weighed [m]")
    kidnapping_odds: float = Field(
        2.0, ge=0, description="log-odds, at each image, against having been moved without odometry telling"
    )
    tracking_gate: float = Field(
        3.0, gt=0, description="standard deviations within which a match belongs to a hypothesis"
    )
    tracked_hypotheses: int = Field(30, ge=1, le=1000, description="most hypotheses that are carried along")
    least_support: float = Field(20.0, gt=0, description="log-odds behind the best at which a hypothesis is dropped")
    merge_distance: float = Field(2.5, gt=0, description="tracked hypotheses closer than this are one [m]")
    merge_angle: float = Field(0.2, gt=0, description="and turned less than this against each other [rad]")
    odometry_noise: float = Field(0.03, gt=0, description="standard deviation of odometry, as share of the way")
    odometry_turn_noise: float = Field(0.003, gt=0, description="standard deviation of its heading [rad/m]")
    acceleration: float = Field(3.0, gt=0, description="change of speed a second without odometry, 1 sigma [m/s]")
    turn_rate: float = Field(0.15, gt=0, description="turning without odometry, 1 sigma after a second [rad]")
    longest_image_gap: float = Field(
        5.0, gt=0, description="without odometry and images for longer, tracking starts anew [s]"
    )
    clock_jump: float = Field(1.0, gt=0, description="stamps that go back by more are of a clock that was set back [s]")
    highest_speed: float = Field(70.0, gt=0, description="odometry that goes faster has jumped [m/s]")
    assumed_speed: float = Field(5.0, gt=0, description="while lost and without odometry [m/s]")
    lost_probability: float = Field(0.5, gt=0, le=1, description="of being lost, from which the vehicle counts as lost")
    localized_probability: float = Field(0.95, gt=0, lt=1, description="from which the vehicle counts as localized")
    localized_sigma: float = Field(2.0, gt=0, description="and largest standard deviation of its position then [m]")
