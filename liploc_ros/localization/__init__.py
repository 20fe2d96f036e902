# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""From an image to pose hypotheses on a map, for single images and over time."""

from liploc_ros.localization.config import LocalizerConfig, TrackingConfig
from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.localizer import Localizer
from liploc_ros.localization.matching import Matches
from liploc_ros.localization.prior import PosePrior, PriorError
from liploc_ros.localization.result import Localization, Status
from liploc_ros.localization.tracking.result import TrackingResult, TrackingState

__all__ = [
    "EncodedView",
    "Hypothesis",
    "Localization",
    "Localizer",
    "LocalizerConfig",
    "Matches",
    "PosePrior",
    "PriorError",
    "Status",
    "TrackingConfig",
    "TrackingResult",
    "TrackingState",
]
