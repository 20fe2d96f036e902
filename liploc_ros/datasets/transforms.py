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

    def lookup(self, target: str, source: str) -> Pose:
        """Return the transform of coordinates in ``source`` to ``target``.

        Raises:
            DatasetError: no chain of transforms connects the two frames.
        """
        target, source = target.lstrip("/"), source.lstrip("/")
        found = {target: np.eye(4)}
        queue = deque([target])
        while queue and source not in found:
            current = queue.popleft()
            for neighbour, T_current_neighbour in self._neighbours.get(current, {}).items():
                if neighbour not in found:
                    found[neighbour] = found[current] @ T_current_neighbour
                    queue.append(neighbour)
        if source not in found:
            raise DatasetError(
                f"no static transform from {source!r} to {target!r}: publish it on /tf_static "
                f"(known frames: {', '.join(self.frames) or 'none'})"
            )
        return found[source]
