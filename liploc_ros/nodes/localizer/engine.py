"""Model, map and localizer of the node, exchanged as one."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import MountedCamera, Pose
from liploc_ros.localization import Localization, Localizer, TrackingResult
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.nodes.localizer.parameters import LocalizerParameters


@dataclass(frozen=True)
class LocalizerEngine:
    """A localizer that is ready, and a lock, for it is not for two threads at once.

    Attributes:
        localizer: it.
        runtime: what runs its encoder.
        reason: why it is this one.
    """

    localizer: Localizer
    runtime: str
    reason: str
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, parameters: LocalizerParameters) -> "LocalizerEngine":
        """Read model and map, and warm up.

        Raises:
            LiplocError: one of them cannot be used.
        """
        return cls._with_map(ModelBundle.load(Path(parameters.model) if parameters.model else None), parameters)

    def with_map(self, path: str, parameters: LocalizerParameters) -> "LocalizerEngine":
        """Return an engine for another map, with the same encoders; this one is not touched.

        Raises:
            MapError: the map cannot be used.
        """
        localizer = self.localizer
        return self._with_map(localizer.bundle, parameters.model_copy(update={"map": path}), localizer.encoders)

    @property
    def lidar_map(self) -> LidarMap:
        """The map in use."""
        return self.localizer.lidar_map

    def localize(self, image: NDArray[np.uint8], mounted: MountedCamera, stamp_ns: int) -> Localization:
        """See :meth:`liploc_ros.localization.Localizer.localize`."""
        with self._lock:
            return self.localizer.localize(image, mounted, stamp_ns)

    def track(
        self, image: NDArray[np.uint8], mounted: MountedCamera, stamp_ns: int, T_odom_base: Pose | None
    ) -> TrackingResult:
        """See :meth:`liploc_ros.localization.Localizer.track`."""
        with self._lock:
            try:
                return self.localizer.track(image, mounted, stamp_ns, T_odom_base)
            except LiplocError:
                raise
            except Exception:
                self.localizer.tracker.forget()  # a belief that was left half changed would fail with each image
                raise

    def forget(self) -> None:
        """Begin lost."""
        with self._lock:
            self.localizer.tracker.forget()

    def close(self) -> None:
        """Free what the encoders hold; of engines for several maps, which share them, the last one does it."""
        with self._lock:
            self.localizer.encoders.close()

    @classmethod
    def _with_map(
        cls, bundle: ModelBundle, parameters: LocalizerParameters, encoders: Encoders | None = None
    ) -> "LocalizerEngine":
        if not parameters.map:
            raise MapError("no map given: set the parameter map to the folder of one (`liploc map build` makes it)")
        lidar_map = LidarMap.load(Path(parameters.map).expanduser().absolute(), bundle)
        config = parameters.config()
        ready = encoders or bundle.encoders(config.threads, config.backend, config.precision)
        try:
            localizer = Localizer(lidar_map, bundle, config, parameters.tracking_config(), ready)
            localizer.warm_up()
        except Exception:
            if encoders is None:
                ready.close()
            raise
        return cls(localizer, localizer.runtime, ready.camera_choice.reason)
