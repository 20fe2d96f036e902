# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The likelihood of a view at any pose on the map, without refinement."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.features import feature_scale

SAMPLES = 96  # windows that represent the whole map
MAX_DISTANCE = 2.0  # place spacings; a pose farther from all places is not on the map


class ViewLikelihood:
    """Log-likelihood ratios of views: at a camera pose, relative to a pose drawn at random from the map.

    The log-likelihood of a view is the mean cosine of the features that both sides see, divided by a temperature.

    Attributes:
        view_poses: (P, 3) poses at which the views of the places were drawn.
        heading_yaws: (H,) yaw [rad] in a place's frame of the headings of the search index.
    """

    def __init__(self, lidar_map: LidarMap, temperature: float) -> None:
        """Prepare the map.

        Args:
            lidar_map: the map.
            temperature: difference of similarity that corresponds to a factor of e in likelihood.
        """
        manifest, layout = lidar_map.manifest, lidar_map.manifest.layout
        self._features, self._scale = lidar_map.features, np.float32(feature_scale(lidar_map.features))
        self._temperature, self._columns = temperature, layout.view_columns
        self._max_distance = MAX_DISTANCE * manifest.config.place_spacing
        self.view_poses = lidar_map.view_poses
        self.heading_yaws = layout.heading_yaws
        self._tree = cKDTree(self.view_poses[:, :2])
        self._first_yaw, second_yaw = layout.column_yaw(np.arange(2.0))
        self._yaw_per_column = angle_difference(second_yaw, self._first_yaw)
        self._returned = lidar_map.returned
        rng = np.random.default_rng(0)
        columns = rng.integers(0, self._features.shape[2], SAMPLES)
        windows, returned = self._windows(rng.integers(0, len(self._features), SAMPLES), columns)
        self._sample = windows.astype(np.float32) / self._scale
        self._sample_returned = returned.astype(np.float32)

    def log_ratio(
        self,
        features: NDArray[np.float32],
        visible: NDArray[np.bool_],
        camera_poses: PoseSE2,
        reference: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """Return (H, N) log-likelihood ratios of views at poses of their cameras; 0 for poses off the map.

        Args:
            features: (H, h, w, D) of the views.
            visible: (H, h, w) cells that the camera sees.
            camera_poses: (H, N, 3) x, y and the yaw of the middle of the view.
            reference: (H,) of the views, see :meth:`reference`.
        """
        ratio = np.zeros(camera_poses.shape[:2])
        distance, places = self._tree.query(camera_poses[..., :2])
        view, pose = np.nonzero(distance < self._max_distance)
        if not len(view):
            return ratio
        place = places[view, pose]
        yaw = angle_difference(camera_poses[view, pose, 2] - self.view_poses[place, 2], self._first_yaw)
        column = np.rint(yaw / self._yaw_per_column).astype(np.intp)
        windows, returned = self._windows(place, column)
        # One product of two vectors per window: BLAS needs a single pass over the windows.
        flat = features.reshape(len(features), -1)
        total = np.matmul(windows.astype(np.float32)[:, None], flat[view][..., None])[:, 0, 0]
        both = np.count_nonzero(returned & visible.reshape(len(visible), -1)[view], axis=1)
        ratio[view, pose] = total / self._scale / np.maximum(both, 1) / self._temperature - reference[view]
        return ratio

    def reference(self, features: NDArray[np.float32]) -> float:
        """Return the log of the mean likelihood of a view (h, w, D) over poses drawn at random from the map."""
        both = self._sample_returned @ features.any(axis=-1).ravel().astype(np.float32)
        log_likelihood = self._sample @ features.ravel() / np.maximum(both, 1) / self._temperature
        return float(np.logaddexp.reduce(log_likelihood.astype(np.float64)) - np.log(SAMPLES))

    def nearest_places(self, camera_poses: PoseSE2, count: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Return distances [m] and rows (N, count) of the places nearest to camera poses (N, 3), nearest first.

        If the map has fewer places, their distance is infinite.
        """
        distance, places = self._tree.query(camera_poses[:, :2], k=np.arange(1, count + 1))
        return np.asarray(distance), np.asarray(places, np.intp)

    def places_within(self, camera_pose: PoseSE2, radius: float) -> NDArray[np.intp]:
        """Return the rows of the places within ``radius`` [m] of a camera pose (3,), in their order on the map."""
        return np.sort(np.array(self._tree.query_ball_point(camera_pose[:2], radius), np.intp))

    def _windows(self, places: NDArray[np.intp], first: NDArray[np.intp]) -> tuple[NDArray[Any], NDArray[np.bool_]]:
        """Return the windows at places (N,) from columns (N,) on: features (N, h w D) and masks (N, h w)."""
        columns = (first[:, None] + np.arange(self._columns)) % self._features.shape[2]
        features = self._features[places[:, None], :, columns].transpose(0, 2, 1, 3)
        returned = self._returned[places[:, None], :, columns].transpose(0, 2, 1)
        return np.asarray(features.reshape(len(places), -1)), np.asarray(returned.reshape(len(places), -1))
