"""Model, map and localizer of the node, exchanged as one."""

import threading
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import ModelBundle
from liploc_ros.geometry import MountedCamera
from liploc_ros.localization import Localization, Localizer
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.nodes.localizer_parameters import LocalizerParameters


@dataclass(frozen=True)
class LocalizerEngine:
    """A localizer that is ready, and a lock, for it is not for two threads at once."""

    localizer: Localizer
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, parameters: LocalizerParameters) -> "LocalizerEngine":
        """Read model and map, and warm up.

        Raises:
            LiplocError: one of them cannot be used.
        """
        return cls._with_map(ModelBundle.load(Path(parameters.model) if parameters.model else None), parameters)

    def with_map(self, path: str, parameters: LocalizerParameters) -> "LocalizerEngine":
        """Return an engine for another map; this one is not touched.

        Raises:
            MapError: the map cannot be used.
        """
        return self._with_map(self.localizer.bundle, parameters.model_copy(update={"map": path}))

    @property
    def lidar_map(self) -> LidarMap:
        """The map in use."""
        return self.localizer.lidar_map

    def localize(self, image: NDArray[np.uint8], mounted: MountedCamera, stamp_ns: int) -> Localization:
        """See :meth:`liploc_ros.localization.Localizer.localize`."""
        with self._lock:
            return self.localizer.localize(image, mounted, stamp_ns)

    @classmethod
    def _with_map(cls, bundle: ModelBundle, parameters: LocalizerParameters) -> "LocalizerEngine":
        if not parameters.map:
            raise MapError("no map given: set the parameter map to the folder of one (`liploc map build` makes it)")
        localizer = Localizer(
            LidarMap.load(Path(parameters.map).expanduser().absolute(), bundle), bundle, parameters.config()
        )
        localizer.warm_up()
        return cls(localizer)
