"""Settings of the localizer, in groups."""

from typing import TypeVar

from pydantic import Field

from liploc_ros.encoders import Backend, Precision
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.localization.tracking.config import TrackingConfig
from liploc_ros.schema import FrozenModel

Group = TypeVar("Group", bound=FrozenModel)


class MatchingConfig(FrozenModel):
    """How an image is compared with the map, and how matches become hypotheses."""

    candidates: int = Field(48, gt=0, le=1024, description="places x headings taken from the search index per image")
    heading_reach: int = Field(
        3, ge=1, le=16, description="feature columns to both sides over which the heading of a candidate is refined"
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
        0.5, gt=0, description="standard deviation across the path: how far vehicles drive from the mapped line [m]"
    )
    sigma_height: float = Field(0.3, gt=0, description="standard deviation in z; the height is that of the map [m]")
    sigma_tilt: float = Field(
        0.02, gt=0, description="standard deviation in roll and pitch; both are those of the map [rad]"
    )


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
