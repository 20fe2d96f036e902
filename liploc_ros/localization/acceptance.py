# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Accept the first hypothesis of an image, or give the reason why not."""

from collections.abc import Sequence

import cv2
import numpy as np

from liploc_ros.localization.config import AcceptanceConfig
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.result import Status
from liploc_ros.views import CameraView

MIN_CONTRAST = 4.0  # standard deviation in grey levels of 255; below it there is only sensor noise
MIN_COVERAGE = 0.1  # share of the grid that the camera must see
NO_CONTENT = "the image shows nothing of the map's field of view, or has no contrast: check exposure, lens and mounting"


def has_content(view: CameraView) -> bool:
    """Return whether a view shows enough of the grid, with enough contrast, to be localized."""
    if view.mask.mean() < MIN_COVERAGE:
        return False
    _, deviation = cv2.meanStdDev(view.image, mask=view.mask.view(np.uint8))
    return bool(deviation.max() >= MIN_CONTRAST)  # the maximum over the colour channels


def accept(hypotheses: Sequence[Hypothesis], config: AcceptanceConfig) -> tuple[Status, str]:
    """Return SUCCESS, UNKNOWN_PLACE or AMBIGUOUS, and the reason in words.

    Args:
        hypotheses: most probable first.
        config: resolved thresholds, see :meth:`LocalizerConfig.resolved`.
    """
    if not hypotheses:
        return Status.UNKNOWN_PLACE, "no place of the map resembles the image"
    best = hypotheses[0]
    if best.confidence < config.min_confidence:
        return Status.UNKNOWN_PLACE, f"confidence {best.confidence:.3f} is below {config.min_confidence:.3f}"
    if len(hypotheses) > 1 and (margin := best.probability - hypotheses[1].probability) < config.min_margin:
        places = f"places {best.place_id} and {hypotheses[1].place_id}"
        return Status.AMBIGUOUS, f"{places} look alike: margin {margin:.3f} is below {config.min_margin:.3f}"
    return Status.SUCCESS, f"confidence {best.confidence:.3f} at place {best.place_id}"
