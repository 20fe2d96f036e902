"""Settings of tracking."""

from pydantic import Field

from liploc_ros.schema import FrozenModel


class TrackingConfig(FrozenModel):
    """How hypotheses are predicted, updated, merged and pruned over time."""

    correlation_distance: float = Field(
        3.0,
        gt=0,
        description="distance between two images of a camera beyond which their errors are taken as independent [m]",
    )
    max_images: int = Field(30, ge=1, le=1000, description="recent images whose likelihoods are kept per hypothesis")
    min_image_spacing: float = Field(
        0.5, ge=0, description="minimum distance between images of a camera that update the probabilities [m]"
    )
    likelihood_sharpness: float = Field(
        0.7, gt=0, description="exponent on the likelihood of a view; below 1 because neighbouring cells are correlated"
    )
    max_log_likelihood: float = Field(20.0, gt=0, description="limit on the log-likelihood ratio of a single image")
    kidnap_log_odds: float = Field(
        2.0, ge=0, description="log-odds at each image against a move that odometry did not measure"
    )
    existence_decay: float = Field(
        0.003, ge=0, le=1, description="share of the existence log-odds that is lost per metre driven"
    )
    max_existence_log_odds: float = Field(6.0, gt=0, description="limit on the existence log-odds of a hypothesis")
    max_existence_update: float = Field(4.0, gt=0, description="limit on their change by a single image")
    gate_sigma: float = Field(
        3.0, gt=0, description="standard deviations within which a match is associated with a hypothesis"
    )
    max_hypotheses: int = Field(30, ge=1, le=1000, description="hypotheses that are tracked at most")
    prune_log_odds: float = Field(
        20.0, gt=0, description="log-likelihood behind the best hypothesis at which one is removed"
    )
    merge_distance: float = Field(2.5, gt=0, description="tracked hypotheses closer than this are merged [m]")
    merge_angle: float = Field(0.2, gt=0, description="if their headings differ by less than this [rad]")
    odometry_noise: float = Field(
        0.03, gt=0, description="standard deviation of odometry, as a share of the distance driven"
    )
    odometry_heading_noise: float = Field(
        0.003, gt=0, description="standard deviation of the heading of odometry [rad/m]"
    )
    acceleration_sigma: float = Field(
        3.0, gt=0, description="standard deviation of the acceleration, used without odometry [m/s^2]"
    )
    turn_rate_sigma: float = Field(
        0.15, gt=0, description="standard deviation of the heading change after one second without odometry [rad]"
    )
    max_image_gap: float = Field(
        5.0, gt=0, description="without odometry, tracking restarts after this time without a new image [s]"
    )
    clock_jump: float = Field(
        1.0, gt=0, description="a stamp that is older than the last one by more than this means the clock was reset [s]"
    )
    max_speed: float = Field(
        70.0, gt=0, description="odometry that moves faster has jumped, and tracking restarts [m/s]"
    )
    default_speed: float = Field(5.0, gt=0, description="assumed without odometry while no hypothesis exists [m/s]")
    lost_probability: float = Field(
        0.5, gt=0, le=1, description="probability of being at no hypothesis, from which the state is LOST"
    )
    localized_probability: float = Field(
        0.95, gt=0, lt=1, description="probability of the first hypothesis, from which the state may be LOCALIZED"
    )
    localized_sigma: float = Field(
        2.0, gt=0, description="maximum standard deviation of its position for LOCALIZED [m]"
    )
