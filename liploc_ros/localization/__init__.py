"""From an image to pose hypotheses on a map."""

from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.localizer import Localizer
from liploc_ros.localization.result import Localization, Status

__all__ = ["Hypothesis", "Localization", "Localizer", "LocalizerConfig", "Status"]
