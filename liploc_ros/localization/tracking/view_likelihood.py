# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The likelihood of a view at any pose on the map, without refinement."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import PoseSE2
from liploc_ros.mapping import LidarMap
from liploc_ros.mapping.feature_table import Windows

SAMPLES = 96  # windows that represent the whole map
MAX_DISTANCE = 2.0  # place spacings; a pose farther from all places is not on the map


class ViewLikelihood:
    """Log-likelihood ratios of views: at a camera pose, relative to a pose drawn at random from the map.

    The log-likelihood of a view is the mean cosine of the features that both sides see, divided by a temperature.

    Attributes:
        view_poses: (P, 3) poses at which the views of the places were drawn.
        heading_yaws: (H,) yaw [rad] in a place's frame of the headings of the search index.
    """

    def __init__(self, lidar_map: LidarMap, temperature: float, sample: Windows | None = None) -> None:
        """Prepare the map.

        Args:
            lidar_map: the map.
            temperature: difference of similarity that corresponds to a factor of e in likelihood.
            sample: windows that represent the whole map; taken from ``lidar_map`` if left out.
        """
        manifest, layout = lidar_map.manifest, lidar_map.manifest.layout
        self._features = lidar_map.features
        self._temperature, self._columns = temperature, layout.view_columns
        self._max_distance = MAX_DISTANCE * manifest.config.place_spacing
        self.view_poses = lidar_map.view_poses
        self.heading_yaws = layout.heading_yaws
        self._tree = cKDTree(self.view_poses[:, :2])
        self._first_yaw, second_yaw = layout.column_yaw(np.arange(2.0))
        self._yaw_per_column = angle_difference(second_yaw, self._first_yaw)
        self._sample = self._draw_sample() if sample is None else sample

    def on_part(self, part: LidarMap) -> "ViewLikelihood":
        """Return the likelihood on another part of the same map, relative to the same sample of the whole map."""
        return ViewLikelihood(part, self._temperature, self._sample)

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
        for number in np.unique(view):
            of_view = view == number
            windows = self._features.windows(place[of_view], column[of_view], self._columns)
            similarity = self._similarity(features[number], visible[number], windows)
            ratio[number, pose[of_view]] = similarity / self._temperature - reference[number]
        return ratio

    def reference(self, features: NDArray[np.float32]) -> float:
        """Return the log of the mean likelihood of a view (h, w, D) over poses drawn at random from the map."""
        log_likelihood = self._similarity(features, np.any(features, axis=-1), self._sample) / self._temperature
        return float(np.logaddexp.reduce(log_likelihood.astype(np.float64)) - np.log(SAMPLES))

    def _similarity(
        self, features: NDArray[np.float32], visible: NDArray[np.bool_], windows: Windows
    ) -> NDArray[np.float32]:
        """Return the mean cosine (M,) of a view (h, w, D) with windows, over the cells that both sides see."""
        both = np.count_nonzero(windows.returned & visible.T, axis=(1, 2))
        total = self._features.sum_products(features, windows)
        return np.asarray(total / np.maximum(both, 1))

    def nearest_places(self, camera_poses: PoseSE2, count: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        """Return distances [m] and rows (N, count) of the places nearest to camera poses (N, 3), nearest first.

        If the map has fewer places, their distance is infinite.
        """
        distance, places = self._tree.query(camera_poses[:, :2], k=np.arange(1, count + 1))
        return np.asarray(distance), np.asarray(places, np.intp)

    def _draw_sample(self) -> Windows:
        rng = np.random.default_rng(0)
        columns = rng.integers(0, self._features.shape[2], SAMPLES)
        return self._features.windows(rng.integers(0, len(self._features), SAMPLES), columns, self._columns)

    def places_within(self, camera_pose: PoseSE2, radius: float) -> NDArray[np.intp]:
        """Return the rows of the places within ``radius`` [m] of a camera pose (3,), in their order on the map."""
        return np.sort(np.array(self._tree.query_ball_point(camera_pose[:2], radius), np.intp))
