# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What the nodes tell. Poses are (4, 4) arrays that take coordinates of the base frame to the map frame [m].

Covariances are (6, 6) over x, y, z [m], rotation about the map's X, Y, Z [rad]. Stamps are nanoseconds since 1970, or
those of a simulated clock. Frames follow REP-105.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from liploc_ros.geometry import Pose
from liploc_ros.localization import Hypothesis, Status, TrackingState

LevelName = Literal["OK", "WARN", "ERROR", "STALE"]
LEVELS: tuple[LevelName, ...] = ("OK", "WARN", "ERROR", "STALE")
"""Of diagnostic_msgs/DiagnosticStatus, worst last."""


@dataclass(frozen=True)
class ImageResult:
    """The hypotheses of one image alone.

    Attributes:
        stamp_ns: of the image [ns].
        map_frame: frame of the poses.
        base_frame: frame of the vehicle whose poses are given.
        map_id: identifies the map.
        camera: optical frame of the camera.
        status: SUCCESS if the first hypothesis is accepted.
        message: the reason in one line.
        hypotheses: most probable first.
        whole_map: whether the whole map was searched; False near a prior, or near the tracked pose.
        latency_ms: processing time [ms]; 0 where the node does not tell it.
    """

    stamp_ns: int
    map_frame: str
    base_frame: str
    map_id: str
    camera: str
    status: Status
    message: str
    hypotheses: tuple[Hypothesis, ...]
    whole_map: bool = True
    latency_ms: float = 0.0

    @property
    def best(self) -> Hypothesis | None:
        """The most probable hypothesis, accepted or not."""
        return self.hypotheses[0] if self.hypotheses else None

    @property
    def is_accepted(self) -> bool:
        """Whether the pose of :attr:`best` can be used."""
        return self.status is Status.SUCCESS


@dataclass(frozen=True)
class BeliefResult:
    """What tracking knows from all images and odometry so far.

    Attributes:
        stamp_ns: of the last image [ns].
        map_frame: frame of the poses.
        base_frame: frame of the vehicle whose poses are given.
        map_id: identifies the map.
        camera: optical frame of the camera that took the image.
        state: LOST, CONVERGING or LOCALIZED.
        message: the reason in one line.
        probability_lost: probability that the vehicle is at none of the tracked hypotheses, 0 to 1.
        hypotheses: most probable first.
    """

    stamp_ns: int
    map_frame: str
    base_frame: str
    map_id: str
    camera: str
    state: TrackingState
    message: str
    probability_lost: float
    hypotheses: tuple[Hypothesis, ...]

    @property
    def best(self) -> Hypothesis | None:
        """The most probable hypothesis."""
        return self.hypotheses[0] if self.hypotheses else None


@dataclass(frozen=True)
class PoseEstimate:
    """A pose to use: of tracking, or of an accepted image.

    Attributes:
        stamp_ns: of the image [ns].
        map_frame: frame of the pose.
        T_map_base: (4, 4) pose of the vehicle.
        covariance: (6, 6) over x, y, z [m], rotation about X, Y, Z [rad].
    """

    stamp_ns: int
    map_frame: str
    T_map_base: Pose
    covariance: NDArray[np.float64]


@dataclass(frozen=True)
class MapDescription:
    """A map that a localizer uses.

    Attributes:
        path: its folder on the computer of the node.
        map_id: identifies it.
        model_id: of the model bundle that built it.
        map_frame: frame of its poses.
        base_frame: frame of the vehicle whose poses it holds.
        datum: what the origin of the map frame is.
        keyframes: number of scans.
        places: number of places.
        headings: per place.
        place_spacing: along the path [m].
        lateral_spacing: across the path [m]; 0: all places are on the path.
        path_length: [m].
        size_bytes: on disk.
        lower: (3,) smallest x, y, z of the places in the map frame [m].
        upper: (3,) largest x, y, z of the places in the map frame [m].
    """

    path: str
    map_id: str
    model_id: str
    map_frame: str
    base_frame: str
    datum: str
    keyframes: int
    places: int
    headings: int
    place_spacing: float
    lateral_spacing: float
    path_length: float
    size_bytes: int
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]


@dataclass(frozen=True)
class SavedMap:
    """A map that the map builder wrote.

    Attributes:
        path: its folder on the computer of the node.
        places: number of places.
        size_bytes: on disk.
        message: of the node.
    """

    path: str
    places: int
    size_bytes: int
    message: str


@dataclass(frozen=True)
class BuildProgress:
    """What the map builder has received.

    Attributes:
        stamp_ns: of the message [ns].
        scans_received: all scans.
        scans_dropped: without a pose, unreadable, or late.
        scans_paused: arrived during a pause, not used.
        scans_lost: published, but never arrived.
        keyframes: scans that are kept.
        places: of the map that was saved last; 0 before.
        path_length: along the keyframes [m].
        is_paused: whether scans are not used.
        is_saving: whether a map is being built or written.
        message: of the node.
    """

    stamp_ns: int
    scans_received: int
    scans_dropped: int
    scans_paused: int
    scans_lost: int
    keyframes: int
    places: int
    path_length: float
    is_paused: bool
    is_saving: bool
    message: str


@dataclass(frozen=True)
class StatusItem:
    """One diagnostic status of a node; docs/nodes.md lists them.

    Attributes:
        name: without the name of the node, for example ``map``.
        level: OK, WARN, ERROR or STALE.
        message: in one line.
        values: by key, with their units in the key.
    """

    name: str
    level: LevelName
    message: str
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class NodeStatus:
    """All diagnostic statuses of a node.

    Attributes:
        node: full name of the node.
        items: its statuses.
    """

    node: str
    items: tuple[StatusItem, ...]

    @property
    def level(self) -> LevelName:
        """The worst level."""
        return max((item.level for item in self.items), key=LEVELS.index)

    def __getitem__(self, name: str) -> StatusItem:
        """Return the status of this name.

        Raises:
            KeyError: the node has none.
        """
        found = {item.name: item for item in self.items}
        if name not in found:
            raise KeyError(f"{self.node} has no status {name!r}: it has {', '.join(found)}")
        return found[name]
