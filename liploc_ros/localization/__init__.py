"""From an image to pose hypotheses on a map."""

from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.localizer import Localizer
from liploc_ros.localization.result import Localization, Status
from liploc_ros.localization.tracking.config import TrackingConfig
from liploc_ros.localization.tracking.result import TrackingResult, TrackingState

__all__ = [
    "Hypothesis",
    "Localization",
    "Localizer",
    "LocalizerConfig",
    "Status",
    "TrackingConfig",
    "TrackingResult",
    "TrackingState",
]
