# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Localizer, map and encoders of the node, replaced together."""

import threading
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.files import expand_path
from liploc_ros.geometry import MountedCamera, Pose
from liploc_ros.localization import Localization, Localizer, LocalizerConfig, PosePrior, TrackingResult
from liploc_ros.localization.long_map import localizer_on
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.nodes.localizer.parameters import LocalizerParameters


@dataclass(frozen=True)
class LocalizerEngine:
    """A localizer that is ready, with a lock: the localizer itself is not thread-safe.

    Attributes:
        localizer: of the library.
        runtime: of its camera encoder.
        reason: why this runtime was chosen.
    """

    localizer: Localizer
    runtime: str
    reason: str
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def load(cls, parameters: LocalizerParameters) -> "LocalizerEngine":
        """Load model and map, and warm up.

        Raises:
            LiplocError: the model or the map cannot be used.
        """
        return cls._with_map(ModelBundle.load(expand_path(parameters.model) if parameters.model else None), parameters)

    def with_map(self, path: str, parameters: LocalizerParameters) -> "LocalizerEngine":
        """Return an engine for another map, with the same encoders. This engine stays usable.

        Raises:
            MapError: the map cannot be used.
        """
        localizer = self.localizer
        return self._with_map(localizer.bundle, parameters.model_copy(update={"map": path}), localizer.encoders)

    @property
    def lidar_map(self) -> LidarMap:
        """The map."""
        return self.localizer.lidar_map

    def localize(
        self, image: NDArray[np.uint8], mounted: MountedCamera, stamp_ns: int, prior: PosePrior | None = None
    ) -> Localization:
        """See :meth:`liploc_ros.localization.Localizer.localize`."""
        with self._lock:
            return self.localizer.localize(image, mounted, stamp_ns, prior)

    def track(
        self,
        image: NDArray[np.uint8],
        mounted: MountedCamera,
        stamp_ns: int,
        T_odom_base: Pose | None,
        prior: PosePrior | None = None,
        *,
        whole_map: bool = False,
    ) -> TrackingResult:
        """See :meth:`liploc_ros.localization.Localizer.track`."""
        with self._lock:
            try:
                return self.localizer.track(image, mounted, stamp_ns, T_odom_base, prior, whole_map=whole_map)
            except LiplocError:
                raise
            except Exception:
                self.localizer.tracker.reset()  # an update that was left incomplete would fail with every image
                raise

    def apply(self, config: LocalizerConfig) -> None:
        """Continue with other thresholds; see :meth:`liploc_ros.localization.Localizer.set_thresholds`."""
        with self._lock:
            self.localizer.set_thresholds(config)

    def reset_tracking(self) -> None:
        """Restart tracking in the state LOST."""
        with self._lock:
            self.localizer.tracker.reset()

    def close(self) -> None:
        """Free the encoders, which the engines of all maps share."""
        with self._lock:
            self.localizer.encoders.close()

    @classmethod
    def _with_map(
        cls, bundle: ModelBundle, parameters: LocalizerParameters, encoders: Encoders | None = None
    ) -> "LocalizerEngine":
        if not parameters.map:
            raise MapError("no map given: set the parameter map to the folder of a map (`liploc map build` builds one)")
        path = expand_path(parameters.map).absolute()
        config = parameters.config()
        encoder = config.encoder
        used = encoders or bundle.encoders(encoder.threads, encoder.backend, encoder.precision)
        try:
            localizer = localizer_on(path, bundle, config, used)
            localizer.warm_up()
        except Exception:
            if encoders is None:
                used.close()
            raise
        return cls(localizer, localizer.runtime, used.camera_choice.reason)
