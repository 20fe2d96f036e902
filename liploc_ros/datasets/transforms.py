# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The static transforms between the frames of a vehicle, as on /tf_static."""

from collections import deque

import numpy as np

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.geometry import Pose, inverse


class StaticTransforms:
    """Transforms between named frames that are fixed to each other."""

    def __init__(self) -> None:
        """Start without frames."""
        self._neighbours: dict[str, dict[str, Pose]] = {}

    @property
    def frames(self) -> list[str]:
        """Names of the known frames, sorted."""
        return sorted(self._neighbours)

    def add(self, parent: str, child: str, T_parent_child: Pose) -> None:
        """Add or replace the transform of coordinates in ``child`` to ``parent``."""
        parent, child = parent.lstrip("/"), child.lstrip("/")
        self._neighbours.setdefault(parent, {})[child] = T_parent_child
        self._neighbours.setdefault(child, {})[parent] = inverse(T_parent_child)

    def update(self, other: "StaticTransforms") -> None:
        """Add the transforms of ``other`` between frames that have none here."""
        for parent, children in other._neighbours.items():
            for child, T in children.items():
                if child not in self._neighbours.get(parent, {}):
                    self._neighbours.setdefault(parent, {})[child] = T

    def lookup(self, target: str, source: str) -> Pose:
        """Return the transform of coordinates in ``source`` to ``target``.

        Raises:
            DatasetError: no chain of transforms connects the two frames.
        """
        T_target_source = self._search(target, source)
        if T_target_source is None:
            raise DatasetError(
                f"no static transform from {source!r} to {target!r} (known frames: {', '.join(self.frames) or 'none'})"
            )
        return T_target_source

    def connects(self, target: str, source: str) -> bool:
        """Return whether a chain of transforms connects the two frames."""
        return self._search(target, source) is not None

    def _search(self, target: str, source: str) -> Pose | None:
        target, source = target.lstrip("/"), source.lstrip("/")
        found = {target: np.eye(4)}
        queue = deque([target])
        while queue and source not in found:
            current = queue.popleft()
            for neighbour, T_current_neighbour in self._neighbours.get(current, {}).items():
                if neighbour not in found:
                    found[neighbour] = found[current] @ T_current_neighbour
                    queue.append(neighbour)
        return found.get(source)
