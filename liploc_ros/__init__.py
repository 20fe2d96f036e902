# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Localization of camera images on LiDAR maps.

``from liploc_ros import Localizer, LidarMap, ModelBundle, open_drive, build_map`` is the public face of the library.
These names are imported when they are first used, so that ``import liploc_ros`` is quick. Only :mod:`liploc_ros.nodes`
and :mod:`liploc_ros.demo` need ROS 2, only :mod:`liploc_ros.learning` needs torch. The generated messages and services
are :mod:`liploc_ros.msg` and :mod:`liploc_ros.srv`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from liploc_ros.datasets import open_drive
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.localization import Localizer
    from liploc_ros.mapping import LidarMap, build_map

__version__ = "0.1.0"

__all__ = ["LidarMap", "Localizer", "ModelBundle", "build_map", "open_drive"]

_MODULES = {
    "LidarMap": "liploc_ros.mapping",
    "Localizer": "liploc_ros.localization",
    "ModelBundle": "liploc_ros.encoders",
    "build_map": "liploc_ros.mapping",
    "open_drive": "liploc_ros.datasets",
}

if not TYPE_CHECKING:  # a type checker takes the imports above, and reports a name that does not exist

    def __getattr__(name: str) -> object:
        """Import a name of the public API when it is first used (PEP 562)."""
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(_MODULES[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """List the public API also before it is imported."""
    return sorted({*globals(), *__all__})
