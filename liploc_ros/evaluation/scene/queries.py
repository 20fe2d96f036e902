# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The images of a scene as queries: encoded once, with the poses at which they were taken."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.encoders import Encoders
from liploc_ros.evaluation.scene.scene import Scene
from liploc_ros.geometry import angle_difference
from liploc_ros.localization import EncodedView
from liploc_ros.localization.acceptance import has_content


@dataclass(frozen=True)
class Queries:
    """The images of a scene.

    Attributes:
        scene: whose images and camera they are.
        encoders: of the model.
        progress: show a progress bar.
    """

    scene: Scene
    encoders: Encoders
    progress: bool = False

    @property
    def T_map_base(self) -> NDArray[np.float64]:  # noqa: N802
        """(Q, 4, 4) where they were taken."""
        return np.asarray(self.scene.path[self.scene.query_rows])

    @cached_property
    def heading(self) -> int:
        """The heading of the search index that is nearest to the camera's optical axis."""
        difference = angle_difference(self.encoders.bundle.spec.heading_yaws, self.scene.mounted.optical_axis_yaw)
        return int(np.argmin(np.abs(difference)))

    @cached_property
    def camera_heading(self) -> float:
        """Yaw [rad] in the base frame of the middle of the views."""
        spec = self.encoders.bundle.spec
        if spec.embeds_whole_image:
            return self.scene.mounted.optical_axis_yaw
        return float(spec.heading_yaws[self.heading])

    @property
    def views(self) -> list[EncodedView]:
        """The encoded images."""
        return [view for view, _ in self._encoded]

    @property
    def have_content(self) -> NDArray[np.bool_]:
        """(Q,) whether a localizer would look at the image at all."""
        return np.array([shows_something for _, shows_something in self._encoded], bool)

    @cached_property
    def _encoded(self) -> list[tuple[EncodedView, bool]]:
        camera, heading = self.scene.mounted, self.camera_heading
        viewer = self.encoders.viewer(camera, heading)
        rows = tqdm(range(len(self.scene.query_rows)), desc="images", disable=not self.progress)
        drawn = (viewer.draw(self.scene.image(row)) for row in rows)
        return [(EncodedView(self.encoders.encode_camera(v), camera, heading), has_content(v)) for v in drawn]
