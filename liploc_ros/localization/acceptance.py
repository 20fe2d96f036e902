"""Accept the best hypothesis, or say why not."""

from collections.abc import Sequence

import cv2
import numpy as np

from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.result import Status
from liploc_ros.views import CameraView

LEAST_CONTRAST = 4.0  # grey levels of 255; below it is noise of the sensor, or a covered lens
LEAST_SEEN = 0.1  # share of the grid
NOTHING_SEEN = (
    "the image shows nothing of the map's field of view, or has no contrast: check exposure, lens and mounting"
)


def shows_something(view: CameraView) -> bool:
    """Say whether there is anything in a view that could be recognised."""
    if view.mask.mean() < LEAST_SEEN:
        return False
    _, deviation = cv2.meanStdDev(view.image, mask=view.mask.view(np.uint8))
    return bool(deviation.max() >= LEAST_CONTRAST)  # a plain colour has none in any channel


def accept(hypotheses: Sequence[Hypothesis], min_confidence: float, min_margin: float) -> tuple[Status, str]:
    """Return SUCCESS, UNKNOWN_PLACE or AMBIGUOUS, and the reason in words."""
    if not hypotheses:
        return Status.UNKNOWN_PLACE, "no place of the map resembles the image"
    best = hypotheses[0]
    if best.confidence < min_confidence:
        return Status.UNKNOWN_PLACE, f"confidence {best.confidence:.3f} is below {min_confidence:.3f}"
    if len(hypotheses) > 1 and best.probability - hypotheses[1].probability < min_margin:
        lead = best.probability - hypotheses[1].probability
        places = f"places {best.place_id} and {hypotheses[1].place_id}"
        return Status.AMBIGUOUS, f"{places} look alike: lead {lead:.3f} is below {min_margin:.3f}"
    return Status.SUCCESS, f"confidence {best.confidence:.3f} at place {best.place_id}"
