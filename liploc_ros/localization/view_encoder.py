# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""From an image to the features of its view, for cameras whose mount may be tilted."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import Encoders
from liploc_ros.geometry import MountedCamera, PinholeCamera
from liploc_ros.localization.acceptance import has_content
from liploc_ros.localization.encoded_view import EncodedView
from liploc_ros.localization.tilt import Tilt, tilted
from liploc_ros.localization.timer import Timer
from liploc_ros.views import Viewer

TABLES_PER_IMAGE = 2  # look-up tables of tilts that an image may compute
MAX_VIEWERS = 256  # that are kept, of 0.2 MB each; the oldest is dropped


class ViewEncoder:
    """Draws and encodes the images of all cameras. Keeps the look-up tables of each camera and tilt."""

    def __init__(self, encoders: Encoders, timer: Timer) -> None:
        """Take the encoders of the model, and a timer for the steps ``draw`` and ``encode``."""
        self._encoders, self._timer = encoders, timer
        self._viewers: dict[tuple[str, Tilt], tuple[MountedCamera, Viewer]] = {}

    def encode(self, image: NDArray[np.uint8], camera: MountedCamera, tilt: Tilt) -> EncodedView | None:
        """See :meth:`liploc_ros.localization.Localizer.encode`."""
        with self._timer.step("draw"):
            view = self._viewer(camera, tilt).draw(image)
            if not has_content(view):
                return None
        with self._timer.step("encode"):
            features = self._encoders.encode_camera(view)
        return EncodedView(features, camera, camera.optical_axis_yaw, tilt)

    def at_tilts(self, image: NDArray[np.uint8], view: EncodedView, tilts: Sequence[Tilt]) -> list[EncodedView]:
        """Return the views of an image at other tilts than that of one of its views, encoded in one batch."""
        with self._timer.step("draw"):
            drawn = [self._viewer(view.camera, tilt).draw(image) for tilt in tilts]
        with self._timer.step("encode"):
            features = self._encoders.encode_cameras(drawn)
        return [replace(view, features=f, tilt=tilt) for f, tilt in zip(features, tilts, strict=True)]

    def prepare(self, camera: MountedCamera, tilts: Sequence[Tilt], count: int) -> bool:
        """Compute up to ``count`` look-up tables that are missing; return whether all were there before."""
        missing = [tilt for tilt in tilts if not self._has_viewer(camera, tilt)]
        for tilt in missing[:count]:
            self._viewer(camera, tilt)
        return not missing

    def _has_viewer(self, camera: MountedCamera, tilt: Tilt) -> bool:
        known = self._viewers.get((camera.frame_id, tilt))
        return known is not None and known[0] is camera

    def _viewer(self, camera: MountedCamera, tilt: Tilt) -> Viewer:
        """Return the viewer of a camera; it looks along the optical axis."""
        known = self._viewers.get((camera.frame_id, tilt))
        if known is None or known[0] is not camera:
            viewer = self._encoders.viewer(tilted(camera, tilt), camera.optical_axis_yaw)
            known = self._viewers[camera.frame_id, tilt] = camera, viewer
            while len(self._viewers) > MAX_VIEWERS:
                del self._viewers[next(iter(self._viewers))]
        return known[1]


def synthetic_image() -> tuple[NDArray[np.uint8], MountedCamera]:
    """Return an image that shows something, and its camera."""
    camera = PinholeCamera(320, 96, np.array([[200.0, 0, 160], [0, 200, 48], [0, 0, 1]]))
    T_base_camera = np.eye(4)
    T_base_camera[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    ramp = np.tile(np.linspace(0, 255, 320).astype(np.uint8), (96, 1))
    return ramp, MountedCamera("", camera, T_base_camera)
