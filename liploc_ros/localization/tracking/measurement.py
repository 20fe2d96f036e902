"""What an image tells of poses of the vehicle."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization.confidence import log_times_longer
from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.matching import Matches

NEVER_SURE = 1e-6


@dataclass(frozen=True)
class Sighting:
    """A view compared at poses.

    Attributes:
        poses: (M, 3) of the base at which it was compared.
        evidence: (M,) log-odds of each, up to a constant.
        log_odds: (M,) that the image was taken there rather than elsewhere.
        error: (3,) standard deviations ahead, to the left [m] and of the yaw [rad] of a pose found exactly there.
    """

    poses: PoseSE2
    evidence: NDArray[np.float64]
    log_odds: NDArray[np.float64]
    error: NDArray[np.float64]


def sighting_of(
    poses: NDArray[np.float64],
    matches: Matches,
    hypotheses: Sequence[Hypothesis],
    confidence_model: ConfidenceModel,
    config: LocalizerConfig,
    path_length: float,
    strongest: float,
) -> Sighting:
    """Return what matches at poses (M, 4, 4) tell.

    The match of the ``strongest`` evidence that was merged into hypotheses is right with the confidence of the first;
    another is less likely by what it has less of evidence. That a longer map (``path_length`` [m]) has more to be
    mistaken for counts once, when a hypothesis is taken up: where it expects the next image is one place, however many
    there are.
    """
    confidence = np.clip(hypotheses[0].confidence, NEVER_SURE, 1 - NEVER_SURE) if hypotheses else 0.5
    here = float(logit(confidence) + log_times_longer(path_length, confidence_model.reference_length))
    log_odds = here + matches.evidence - strongest
    along = confidence_model.sigma_position if config.sigma_position is None else config.sigma_position
    heading = confidence_model.sigma_heading if config.sigma_heading is None else config.sigma_heading
    return Sighting(se2_of(poses), matches.evidence, log_odds, np.array([along, config.sigma_lateral, heading]))
