# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses of the vehicle and fixed frames from the moving transforms on /tf."""

from dataclasses import dataclass, field

import numpy as np

from liploc_ros.datasets.pose_message import DEFAULT_BASE_FRAME
from liploc_ros.datasets.trajectory import PoseLimits, Trajectory
from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.geometry import Pose

WORLD_FRAMES = ("map", "odom", "world", "earth", "utm")
"""Frames in which a vehicle moves, even if it stands still in the whole recording."""
FIXED_TOLERANCE = 1e-4
"""Largest change of the elements of a transform (in m, or of the rotation matrix) that counts as fixed."""


@dataclass(frozen=True)
class TfChain:
    """The moving transforms from a world frame down to the base frame.

    Attributes:
        world: the frame of the poses.
        base_frame: the frame that moves.
        trajectory: its poses in the world frame.
    """

    world: str
    base_frame: str
    trajectory: Trajectory


@dataclass
class TfPoses:
    """All transforms of /tf, by child frame."""

    limits: PoseLimits = field(default_factory=PoseLimits)
    _parents: dict[str, str] = field(default_factory=dict)
    _edges: dict[str, Trajectory] = field(default_factory=dict)
    _changed: set[str] = field(default_factory=set)

    def add(self, stamp_ns: int, parent: str, child: str, T_parent_child: Pose) -> None:
        """Add a transform. A child that changes its parent starts again."""
        if self._parents.get(child) != parent:
            self._parents[child] = parent
            self._edges[child] = Trajectory(limits=self.limits)
        edge = self._edges[child]
        edge.append(stamp_ns, T_parent_child)
        if np.any(np.abs(T_parent_child - edge.poses[0]) > FIXED_TOLERANCE):
            self._changed.add(child)

    def fixed(self) -> StaticTransforms:
        """Return the transforms that never change, as fixed joints of a robot description that is sent on /tf."""
        transforms = StaticTransforms()
        for child, parent in self._parents.items():
            if not self._is_moving(child) and parent not in WORLD_FRAMES:
                transforms.add(parent, child, self._edges[child].poses[0])
        return transforms

    def chain(self, sensor_frame: str, static: StaticTransforms, base_frame: str | None = None) -> TfChain | None:
        """Return the poses of the vehicle that carries a sensor, or None if /tf does not have them.

        The base frame is the wanted one, or base_link if it carries the sensor, or else the lowest frame that moves.

        Args:
            sensor_frame: frame of the scans or images.
            static: all fixed transforms.
            base_frame: the wanted base frame.
        """
        carrying = [child for child in self._parents if self._is_moving(child) and static.connects(child, sensor_frame)]
        preferred = (base_frame, DEFAULT_BASE_FRAME, *carrying)
        start = next((child for child in carrying if child in preferred), carrying[0] if carrying else None)
        if start is None:
            return None
        path = [start]
        while (parent := self._parents[path[-1]]) in self._parents and parent not in path:
            path.append(parent)
        while len(path) > 1 and not self._is_moving(path[-1]):
            path.pop()
        base = next((f for f in preferred if f and static.connects(start, f)), start)
        T_start_base = static.lookup(start, base)
        return TfChain(self._parents[path[-1]], base, self._trajectory(path, T_start_base))

    def describe(self) -> str:
        """Return the transforms and whether they move, on one line."""
        parts = [
            f"{parent} -> {child} ({len(self._edges[child])}{'' if self._is_moving(child) else ', fixed'})"
            for child, parent in sorted(self._parents.items())
        ]
        return ", ".join(parts) or "nothing"

    def _is_moving(self, child: str) -> bool:
        return child in self._changed or (self._parents[child] in WORLD_FRAMES and child not in WORLD_FRAMES)

    def _trajectory(self, path: list[str], T_start_base: Pose) -> Trajectory:
        """Return the poses at the stamps of the lowest transform; ``path`` begins there."""
        trajectory = Trajectory(limits=self.limits)
        for stamp_ns, T in zip(self._edges[path[0]].stamps_ns, self._edges[path[0]].poses, strict=True):
            T_world_base: Pose | None = T @ T_start_base
            for child in path[1:]:
                upper = self._edges[child].at(stamp_ns) if self._is_moving(child) else self._edges[child].poses[0]
                T_world_base = None if upper is None or T_world_base is None else upper @ T_world_base
            if T_world_base is not None:
                trajectory.append(stamp_ns, T_world_base)
        return trajectory
