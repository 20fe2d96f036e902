# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The panoramas at places, and where there are places beside the path."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import ViewGrid
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.free_space import free_offsets
from liploc_ros.mapping.places import Places
from liploc_ros.views import Panorama, Scan, draw_virtual_view


def draw_places(
    scans: Iterable[Sequence[Scan]],
    T_map_base: NDArray[np.float64],
    view_origin: Sequence[float] | NDArray[np.float64],
    grid: ViewGrid,
) -> Iterator[Panorama]:
    """Yield the panorama at each place.

    Args:
        scans: those that each place is drawn from.
        T_map_base: (P, 4, 4) places.
        view_origin: of the views in the base frame [m]; their axes are those of the base.
        grid: of the views.
    """
    T_base_view = np.eye(4)
    T_base_view[:3, 3] = view_origin
    for place_scans, T in zip(scans, T_map_base, strict=True):
        yield draw_virtual_view(place_scans, T @ T_base_view, grid)


def add_lateral_places(
    path_places: Places,
    scans_of: Callable[[int], Sequence[Scan]],
    view_origin: Sequence[float] | NDArray[np.float64],
    config: MapConfig,
) -> Places:
    """Return places on the path with those beside it, where the scans show free road.

    Args:
        path_places: on the path.
        scans_of: returns the scans of a place, without moving objects.
        view_origin: of the views in the base frame [m].
        config: reach and spacing across the path.
    """
    offsets, origin = config.lateral_offsets, np.asarray(view_origin, np.float64)
    if len(offsets) == 1:
        return path_places
    return path_places.with_lateral_places(
        offsets, lambda place: free_offsets(scans_of(place), path_places.T_map_base[place], origin, offsets)
    )
