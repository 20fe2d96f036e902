"""The rigid tree of a vehicle's frames, as /tf_static tells it."""

from collections import deque

import numpy as np

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.geometry import Pose, inverse


class StaticTransforms:
    """Transforms between named frames that do not move against each other."""

    def __init__(self) -> None:
        """Start with no frames."""
        self._neighbours: dict[str, dict[str, Pose]] = {}

    @property
    def frames(self) -> list[str]:
        """Names of the known frames, sorted."""
        return sorted(self._neighbours)

    def add(self, parent: str, child: str, T_parent_child: Pose) -> None:
        """Add or replace the transform that takes coordinates in ``child`` to ``parent``."""
        parent, child = parent.lstrip("/"), child.lstrip("/")
        self._neighbours.setdefault(parent, {})[child] = T_parent_child
        self._neighbours.setdefault(child, {})[parent] = inverse(T_parent_child)

    def lookup(self, target: str, source: str) -> Pose:
        """Return the transform that takes coordinates in ``source`` to ``target``.

        Raises:
            DatasetError: no chain of transforms connects the two.
        """
        target, source = target.lstrip("/"), source.lstrip("/")
        found = {target: np.eye(4)}
        queue = deque([target])
        while queue and source not in found:
            here = queue.popleft()
            for neighbour, T_here_neighbour in self._neighbours.get(here, {}).items():
                if neighbour not in found:
                    found[neighbour] = found[here] @ T_here_neighbour
                    queue.append(neighbour)
        if source not in found:
            raise DatasetError(
                f"no static transform from {source!r} to {target!r}: publish it on /tf_static "
                f"(known frames: {', '.join(self.frames) or 'none'})"
            )
        return found[source]
