"""The last images, with which new hypotheses are compared."""

from collections import deque
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry.se2 import PoseSE2, compose
from liploc_ros.localization.tracking.view_likelihood import Resemblance


@dataclass(frozen=True)
class Remembered:
    """An image.

    Attributes:
        features: (h, w, D) of it.
        seen: (h, w) which of them the camera sees.
        level: how likely it is at a pose drawn at random, see :meth:`Resemblance.level`.
        T_base_view: (3,) where its view was drawn in the base frame of its time.
        independence: how much of what it tells was new, 0 to 1.
    """

    features: NDArray[np.float32]
    seen: NDArray[np.bool_]
    level: float
    T_base_view: PoseSE2
    independence: float


class History:
    """The last images, and where the base was then, in the base frame of now."""

    def __init__(self, most: int) -> None:
        """Remember at most so many."""
        self._images: deque[Remembered] = deque(maxlen=most)
        self._T_now_then = np.zeros((0, 3))

    def add(self, image: Remembered) -> None:
        """Remember an image of now, and forget the oldest if there are too many."""
        self._images.append(image)
        self._T_now_then = np.vstack([self._T_now_then, np.zeros(3)])[-len(self._images) :]

    def carry(self, back: PoseSE2) -> None:
        """Express all in the base frame of now, in which that of before is ``back`` (3,)."""
        self._T_now_then = compose(back, self._T_now_then)

    def votes(self, poses: PoseSE2, resemblance: Resemblance, most: float) -> NDArray[np.float64]:
        """Return how much the images, oldest first, speak for poses (K, 3) of now, each at most ``most``: (K, H)."""
        T_base_view = np.array([image.T_base_view for image in self._images])
        views = compose(compose(poses[None], self._T_now_then[:, None]), T_base_view[:, None])
        features, seen = (
            np.stack(arrays) for arrays in zip(*((i.features, i.seen) for i in self._images), strict=True)
        )
        likelihood = resemblance.of(features, seen, views, np.array([image.level for image in self._images]))
        independence = np.array([image.independence for image in self._images])
        return np.asarray(independence * np.clip(likelihood, -most, most).T)
