# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Settings of the localizer, in groups."""

from typing import TypeVar

from pydantic import Field

from liploc_ros.encoders import Backend, Precision
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.schema import FrozenModel

Group = TypeVar("Group", bound=FrozenModel)


class MatchingConfig(FrozenModel):
    """How an image is compared with the map, and how matches become hypotheses."""

    candidates: int = Field(
        16,
        gt=0,
        le=1024,
        description="places x headings taken from the search index per image; neighbours of one are not counted",
    )
    heading_reach: int = Field(
        3, ge=1, le=16, description="feature columns to both sides over which the heading of a candidate is refined"
    )
    tilt_reach: float = Field(
        0.035,
        ge=0,
        le=0.2,
        description="tilt of a camera that is searched to both sides of its mount until it is known; "
        "0: the mount is exact [rad]",
    )
    tilt_images: int = Field(10, ge=1, description="accepted images of a camera from which its tilt is known")
    path_log_odds: float = Field(
        1.0,
        ge=0,
        description="log-odds of a place on the mapped path against one beside it, before the image is seen",
    )
    merge_distance: float = Field(2.5, gt=0, description="matches closer than this belong to one hypothesis [m]")
    merge_angle: float = Field(0.2, gt=0, description="and whose headings differ by less than this [rad]")
    max_hypotheses: int = Field(5, gt=0, le=255, description="hypotheses reported per image, and by tracking")


class AcceptanceConfig(FrozenModel):
    """When the first hypothesis of an image is accepted. Negative values take those of the confidence model."""

    min_confidence: float = Field(
        -1.0,
        ge=-1,
        le=1,
        description="confidence below which the place is unknown; negative: from the confidence model",
    )
    min_margin: float = Field(
        -1.0,
        ge=-1,
        le=1,
        description="minimum lead in probability over the second hypothesis, otherwise the place is ambiguous; "
        "negative: from the confidence model",
    )


class CovarianceConfig(FrozenModel):
    """Standard deviations of a pose beyond the spread of its matches. Negative: from the confidence model."""

    sigma_position: float = Field(
        -1.0, description="standard deviation along the path [m]; negative: from the confidence model"
    )
    sigma_heading: float = Field(
        -1.0, description="standard deviation of the heading [rad]; negative: from the confidence model"
    )
    sigma_lateral: float = Field(
        -1.0, description="standard deviation across the path [m]; negative: from the confidence model"
    )
    sigma_off_path: float = Field(
        0.5,
        gt=0,
        description="standard deviation across the path on a map without places beside it: how far vehicles drive from "
        "the mapped line [m]",
    )
    sigma_height: float = Field(0.3, gt=0, description="standard deviation in z; the height is that of the map [m]")
    sigma_tilt: float = Field(
        0.02, gt=0, description="standard deviation in roll and pitch; both are those of the map [rad]"
    )


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
        2.0, gt=0, description="maximum standard deviation of its position along the heading for LOCALIZED [m]"
    )
    localized_sigma_lateral: float = Field(
        0.9, gt=0, description="maximum standard deviation across the heading for LOCALIZED: the lane is known [m]"
    )
    search_radius: float = Field(
        10.0,
        ge=0,
        description="while LOCALIZED with odometry, an image is first compared with the places within this distance of "
        "the pose, and the map is searched only if none of them is accepted; 0: it is searched for every image [m]",
    )
    whole_map_period: float = Field(0.5, ge=0, description="the whole map is still searched once in this time [s]")


class EncoderConfig(FrozenModel):
    """What runs the encoders."""

    backend: Backend = Field("auto", description="runtime of the encoders; auto: the fastest that works")
    precision: Precision = Field("fp16", description="of TensorRT engines; normalizations are always fp32")
    threads: int = Field(0, ge=0, le=64, description="threads of ONNX Runtime; 0: one per core")


class LocalizerConfig(FrozenModel):
    """All settings of the localizer."""

    matching: MatchingConfig = MatchingConfig()
    acceptance: AcceptanceConfig = AcceptanceConfig()
    covariance: CovarianceConfig = CovarianceConfig()
    tracking: TrackingConfig = TrackingConfig()
    encoder: EncoderConfig = EncoderConfig()

    def resolved(self, confidence_model: ConfidenceModel) -> "LocalizerConfig":
        """Return the settings in which every negative value is replaced by that of the confidence model."""
        return self.model_copy(
            update={
                "acceptance": _resolved(self.acceptance, confidence_model),
                "covariance": _resolved(self.covariance, confidence_model),
            }
        )


def _resolved(group: Group, confidence_model: ConfidenceModel) -> Group:
    negative = {name for name, value in group if value < 0}
    return group.model_copy(update={name: getattr(confidence_model, name) for name in negative})
