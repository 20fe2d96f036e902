"""How much a view resembles a map at any pose, quickly and without refinement."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import logsumexp

from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2, compose, se2_of
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.place_index import feature_scale

SAMPLE = 96  # windows that stand for the whole map
FARTHEST = 2.0  # spacings of places; beyond, a pose is not on the map


class Resemblance:
    """Log-likelihoods of views at poses of the camera, relative to a pose that is drawn at random from the map.

    It is the mean cosine of the cells that both see, over the temperature of similarities.

    Attributes:
        drawn_at: (P, 3) where the places' views were drawn.
        headings: (H,) yaw [rad] in a place's frame of the headings of the index.
    """

    def __init__(self, lidar_map: LidarMap, temperature: float, width: int) -> None:
        """Look through the map.

        Args:
            lidar_map: the map.
            temperature: of similarities: by how much one is higher where it is e times as likely.
            width: cells of a view, from left to right.
        """
        manifest = lidar_map.manifest
        self._features, self._scale = lidar_map.features, np.float32(feature_scale(lidar_map.features))
        self._temperature, self._width = temperature, width
        self._spacing = manifest.config.place_spacing
        self.drawn_at = compose(se2_of(lidar_map.T_map_base), np.array([*manifest.view_origin[:2], 0.0]))
        self._tree = cKDTree(self.drawn_at[:, :2])
        self._yaw = manifest.layout.column_yaw(np.arange(2.0))
        indexed = np.arange(lidar_map.index.headings)
        self.headings = manifest.layout.heading_yaw(indexed)
        self._returned: NDArray[np.bool_] = np.any(self._features, axis=-1)
        rng = np.random.default_rng(0)
        columns = rng.integers(0, self._features.shape[2], SAMPLE)
        windows, returned = self._windows(rng.integers(0, len(self._features), SAMPLE), columns)
        self._sample = windows.astype(np.float32) / self._scale
        self._sample_returned = returned.astype(np.float32)

    def of(
        self, features: NDArray[np.float32], seen: NDArray[np.bool_], cameras: PoseSE2, levels: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return (H, N) log-likelihoods of views at poses of their cameras; off the map that of a pose drawn at random.

        Args:
            features: (H, h, w, D) of the views.
            seen: (H, h, w) which of them the camera sees.
            cameras: (H, N, 3) x, y and the yaw that the view was drawn along.
            levels: (H,) of the views, see :meth:`level`.
        """
        likely = np.zeros(cameras.shape[:2])
        away, places = self._tree.query(cameras[..., :2])
        view, pose = np.nonzero(away < FARTHEST * self._spacing)
        if not len(view):
            return likely
        place = places[view, pose]
        turn = angle_difference(cameras[view, pose, 2] - self.drawn_at[place, 2], self._yaw[0])
        column = np.rint(turn / angle_difference(self._yaw[1], self._yaw[0])).astype(np.intp)
        windows, returned = self._windows(place, column)
        # Row by row of windows it is a product of a vector with a vector, for which BLAS needs no more than one pass.
        total = np.matmul(windows.astype(np.float32)[:, None], features.reshape(len(features), -1)[view][..., None])[
            :, 0, 0
        ]
        both = np.count_nonzero(returned & seen.reshape(len(seen), -1)[view], axis=1)
        likely[view, pose] = total / self._scale / np.maximum(both, 1) / self._temperature - levels[view]
        return likely

    def level(self, features: NDArray[np.float32]) -> float:
        """Return the log of the mean likelihood of a view (h, w, D) at poses drawn at random, on the same scale."""
        both = self._sample_returned @ features.any(axis=-1).ravel().astype(np.float32)
        similar = self._sample @ features.ravel() / np.maximum(both, 1) / self._temperature
        return float(logsumexp(similar) - np.log(SAMPLE))

    def nearest(self, cameras: PoseSE2, count: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Return distances [m] and rows (N, count) of the places nearest to cameras (N, 3), nearest first.

        Where the map has fewer, their distance is infinite.
        """
        away, places = self._tree.query(cameras[:, :2], k=np.arange(1, count + 1))
        return np.asarray(away), np.asarray(places, np.intp)

    def _windows(self, places: NDArray[np.intp], first: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return what views at places (N,) see from columns (N,) on: cells (N, h w D) and masks (N, h w)."""
        columns = (first[:, None] + np.arange(self._width)) % self._features.shape[2]
        features = self._features[places[:, None], :, columns].transpose(0, 2, 1, 3)
        returned = self._returned[places[:, None], :, columns].transpose(0, 2, 1)
        return np.asarray(features.reshape(len(places), -1)), np.asarray(returned.reshape(len(places), -1))
