"""From an image to pose hypotheses on a map."""

from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.localizer import Localizer
from liploc_ros.localization.result import Localization, Status
from liploc_ros.localization.tracking import State, Tracking
from liploc_ros.localization.tracking_config import TrackingConfig

__all__ = [
    "Hypothesis",
    "Localization",
    "Localizer",
    "LocalizerConfig",
    "State",
    "Status",
    "Tracking",
    "TrackingConfig",
]
