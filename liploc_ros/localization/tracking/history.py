# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The recent images, with which new hypotheses are compared."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry.se2 import PoseSE2, compose
from liploc_ros.localization.tracking.view_likelihood import ViewLikelihood


@dataclass(frozen=True)
class ViewRecord:
    """The view of an earlier image.

    Attributes:
        features: (h, w, D).
        visible: (h, w) cells that the camera sees.
        reference: log-likelihood at a random pose, see :meth:`ViewLikelihood.reference`.
        T_base_view: (3,) pose of the view in the base frame when the image was taken.
        information_weight: share of its information that was new, 0 to 1.
    """

    features: NDArray[np.float32]
    visible: NDArray[np.bool_]
    reference: float
    T_base_view: PoseSE2
    information_weight: float


class History:
    """The recent images, and the poses of the base when they were taken, in the current base frame."""

    def __init__(self, max_images: int) -> None:
        """Start empty; the oldest image is dropped when there are more than ``max_images``."""
        self._records: deque[ViewRecord] = deque(maxlen=max_images)
        self._T_now_then = np.zeros((0, 3))

    def append(self, record: ViewRecord) -> None:
        """Add an image taken at the current pose."""
        self._records.append(record)
        self._T_now_then = np.vstack([self._T_now_then, np.zeros(3)])[-len(self._records) :]

    def predict(self, T_now_previous: PoseSE2) -> None:
        """Move to the next pose of the base, in which the previous one is ``T_now_previous`` (3,)."""
        self._T_now_then = compose(T_now_previous, self._T_now_then)

    def log_likelihoods(self, poses: PoseSE2, likelihood: ViewLikelihood, limit: float) -> NDArray[np.float64]:
        """Return (K, H) weighted log-likelihood ratios of the images, oldest first, for current poses (K, 3).

        Each ratio is limited to ``limit`` before it is weighted.
        """
        records = self._records
        T_base_view = np.array([record.T_base_view for record in records])
        views = compose(compose(poses[None], self._T_now_then[:, None]), T_base_view[:, None])
        features = np.stack([record.features for record in records])
        visible = np.stack([record.visible for record in records])
        ratio = likelihood.log_ratio(features, visible, views, np.array([record.reference for record in records]))
        weights = np.array([record.information_weight for record in records])
        return np.asarray(weights * np.clip(ratio, -limit, limit).T)
