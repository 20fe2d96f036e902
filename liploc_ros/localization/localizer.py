"""The localizer: its method reads as the list of its steps."""

import time

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import ModelBundle
from liploc_ros.geometry import MountedCamera, PinholeCamera
from liploc_ros.localization.accept import NOTHING_SEEN, accept, shows_something
from liploc_ros.localization.config import LocalizerConfig
from liploc_ros.localization.evidence import weights_of
from liploc_ros.localization.hypotheses import merge
from liploc_ros.localization.refine import refine
from liploc_ros.localization.result import Localization, Status
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.views import Viewer


class Localizer:
    """Finds where images were taken on one map. Not for two threads at once."""

    def __init__(self, lidar_map: LidarMap, bundle: ModelBundle, config: LocalizerConfig | None = None) -> None:
        """Bring map and model together.

        Raises:
            MapError: the map was made by another model.
        """
        if lidar_map.manifest.model_id != bundle.id:
            raise MapError(
                f"map made by model {lidar_map.manifest.model_id[:12]}, this is {bundle.id[:12]}: build the map again"
            )
        self.lidar_map = lidar_map
        self.bundle = bundle
        self.config = config or LocalizerConfig()
        self.acceptance = acceptance = lidar_map.manifest.calibration or bundle.spec.acceptance
        config = self.config
        self.min_confidence = acceptance.min_confidence if config.min_confidence is None else config.min_confidence
        self.min_margin = acceptance.min_margin if config.min_margin is None else config.min_margin
        self._weights = weights_of(acceptance, lidar_map.cells.shape[1])
        self._encoders = bundle.encoders(self.config.threads)
        self._viewers: dict[str, tuple[MountedCamera, Viewer, float]] = {}

    @property
    def runtime(self) -> str:
        """What runs the camera encoder."""
        return self._encoders.camera.runtime

    def localize(self, image: NDArray[np.uint8], mounted: MountedCamera, stamp_ns: int) -> Localization:
        """Return where the vehicle may have been when the image (h, w, 3) RGB or (h, w) grey was taken.

        Raises:
            ViewError: the image is not of the size its camera is calibrated for, or not 8 bit.
        """
        clock = _StepClock()
        viewer, heading = self._viewer(mounted)
        view = viewer.draw(image)
        clock.finish("draw")
        if not shows_something(view):
            return Localization(Status.UNKNOWN_PLACE, NOTHING_SEEN, (), stamp_ns, clock.total, clock.steps)
        cells = self._encoders.encode_camera(view)
        clock.finish("encode")
        candidates = self.lidar_map.index.search(cells, self.config.candidates)
        clock.finish("search")
        matches = refine(candidates, cells, self.lidar_map, self.config.heading_reach, self._weights)
        clock.finish("refine")
        hypotheses = merge(matches, self.lidar_map, mounted, heading, self.acceptance, self.config)
        status, message = accept(hypotheses, self.min_confidence, self.min_margin)
        clock.finish("merge")
        return Localization(status, message, hypotheses, stamp_ns, clock.total, clock.steps)

    def warm_up(self) -> None:
        """Run once on a grey ramp, so that the first real one is not late."""
        camera = PinholeCamera(320, 96, np.array([[200.0, 0, 160], [0, 200, 48], [0, 0, 1]]))
        T_base_camera = np.eye(4)
        T_base_camera[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
        grey = np.tile(np.linspace(0, 255, 320).astype(np.uint8), (96, 1))
        self.localize(grey, MountedCamera("", camera, T_base_camera), 0)

    def _viewer(self, mounted: MountedCamera) -> tuple[Viewer, float]:
        """Return the camera's viewer and the heading it is drawn along: that of the optical axis."""
        known = self._viewers.get(mounted.frame_id)
        if known is not None and known[0] is mounted:
            return known[1], known[2]
        axis = mounted.T_base_camera[:3, 2]
        heading = float(np.arctan2(axis[1], axis[0]))
        viewer = self._encoders.viewer(mounted, heading)
        self._viewers[mounted.frame_id] = (mounted, viewer, heading)
        return viewer, heading


class _StepClock:
    """Milliseconds by step."""

    def __init__(self) -> None:
        self.steps: dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def finish(self, step: str) -> None:
        now = time.perf_counter()
        self.steps[step] = 1e3 * (now - self._last)
        self._last = now

    @property
    def total(self) -> float:
        return 1e3 * (self._last - self._start)
