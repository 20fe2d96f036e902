# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The result of localizing a single image."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import NamedTuple

from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.hypotheses import Hypothesis
from liploc_ros.localization.matching import Matches
from liploc_ros.localization.tilt import NO_TILT, Tilt
from liploc_ros.mapping import Candidate


class Status(IntEnum):
    """Outcome of an attempt; the numbers are those of ``liploc_ros/msg/LocalizationStatus``."""

    SUCCESS = 0
    NO_IMAGE = 1
    STALE_IMAGE = 2
    UNKNOWN_PLACE = 3
    AMBIGUOUS = 4
    INTERNAL_ERROR = 5
    INVALID_REQUEST = 6


@dataclass(frozen=True)
class Localization:
    """The hypotheses of one image, and whether the first one is accepted.

    Attributes:
        status: SUCCESS if the first hypothesis is accepted.
        message: the reason in words.
        hypotheses: most probable first.
        stamp_ns: of the image.
        latency_ms: from image to hypotheses.
        timings: milliseconds by step.
        whole_map: whether the whole map was searched; False near a prior, or near the tracked pose while it is known.
        tilt: error of the camera's mount at which its view matches best.
    """

    status: Status
    message: str
    hypotheses: tuple[Hypothesis, ...]
    stamp_ns: int
    latency_ms: float
    timings: dict[str, float] = field(default_factory=dict)
    whole_map: bool = True
    tilt: Tilt = NO_TILT

    @property
    def best(self) -> Hypothesis | None:
        """The most probable hypothesis, accepted or not."""
        return self.hypotheses[0] if self.hypotheses else None

    @property
    def confidence(self) -> float:
        """Of the most probable hypothesis; 0 without one."""
        return self.hypotheses[0].confidence if self.hypotheses else 0.0


class Found(NamedTuple):
    """A view, what it was compared with, and the result."""

    view: EncodedView
    candidates: Sequence[Candidate]
    matches: Matches
    localization: Localization
