"""How much a view resembles a map at any pose, quickly and without refinement."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree
from scipy.special import logsumexp

from liploc_ros.geometry import angle_difference
from liploc_ros.localization.planar import Planar, compose, planar_of
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.place_index import heading_yaw, scale_of

SAMPLE = 192  # windows that stand for the whole map
FARTHEST = 2.0  # spacings of places; beyond, a pose is not on the map


class Resemblance:
    """Log-likelihoods of views at poses of the camera, relative to a pose that is drawn at random from the map.

    It is the mean cosine of the cells that both see, over the temperature of similarities.
    """

    def __init__(self, lidar_map: LidarMap, temperature: float, width: int) -> None:
        """Look through the map.

        Args:
            lidar_map: the map.
            temperature: of similarities: by how much one is higher where it is e times as likely.
            width: cells of a view, from left to right.
        """
        manifest = lidar_map.manifest
        self._cells, self._scale = lidar_map.cells, np.float32(scale_of(lidar_map.cells))
        self._temperature, self._width = temperature, width
        self._spacing = manifest.config.place_spacing
        self.drawn_at = compose(planar_of(lidar_map.T_map_base), np.array([*manifest.view_origin[:2], 0.0]))
        self._tree = cKDTree(self.drawn_at[:, :2])
        self._yaw = heading_yaw(np.arange(2.0), manifest.grid, manifest.stride, pool=1)
        rng = np.random.default_rng(0)
        columns = rng.integers(0, self._cells.shape[2], SAMPLE)
        windows = self._windows(rng.integers(0, len(self._cells), SAMPLE), columns)
        self._sample = windows.astype(np.float32).reshape(SAMPLE, -1) / self._scale
        self._returned = windows.any(axis=-1).astype(np.float32).reshape(SAMPLE, -1)

    def of(self, cells: NDArray[np.float32], cameras: Planar, level: float) -> NDArray[np.float64]:
        """Return (N,) log-likelihoods of a view at poses of its camera; off the map that of a pose drawn at random.

        Args:
            cells: (h, w, D) of the view.
            cameras: (N, 3) x, y and the yaw it was drawn along.
            level: of the view, see :meth:`level`.
        """
        likely = np.zeros(len(cameras))
        away, places = self._tree.query(cameras[:, :2])
        known = away < FARTHEST * self._spacing
        if known.any():
            turn = angle_difference(cameras[known, 2] - self.drawn_at[places[known], 2], self._yaw[0])
            columns = np.rint(turn / angle_difference(self._yaw[1], self._yaw[0])).astype(np.intp)
            likely[known] = self._similarity(cells, self._windows(places[known], columns)) - level
        return likely

    def level(self, cells: NDArray[np.float32]) -> float:
        """Return the log of the mean likelihood of a view at poses drawn at random, on the same scale."""
        both = self._returned @ cells.any(axis=-1).ravel().astype(np.float32)
        similar = self._sample @ cells.ravel() / np.maximum(both, 1) / self._temperature
        return float(logsumexp(similar) - np.log(SAMPLE))

    def near(self, camera: Planar, reach: float, most: int) -> NDArray[np.intp]:
        """Return the rows of at most ``most`` places within ``reach`` [m] of a camera, nearest first."""
        away, places = self._tree.query(camera[:2], k=most, distance_upper_bound=reach)
        return np.asarray(np.atleast_1d(places)[np.isfinite(np.atleast_1d(away))], np.intp)

    def _windows(self, places: NDArray[np.intp], first: NDArray[np.intp]) -> NDArray[Any]:
        """Return the cells (N, h, w, D) that a view at places (N,) is compared with, from columns (N,)."""
        columns = (first[:, None] + np.arange(self._width)) % self._cells.shape[2]
        return np.asarray(self._cells[places[:, None], :, columns].transpose(0, 2, 1, 3))

    def _similarity(self, cells: NDArray[np.float32], windows: NDArray[Any]) -> NDArray[np.float64]:
        """Return (N,) mean cosines over the temperature."""
        both = windows.any(axis=-1) & cells.any(axis=-1)
        total = np.einsum("nhwd,hwd->n", windows.astype(np.float32), cells, optimize=True)
        return np.asarray(total / self._scale / np.maximum(both.sum(axis=(1, 2)), 1) / self._temperature, np.float64)
