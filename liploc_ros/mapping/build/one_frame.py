# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Recordings whose poses are in one map frame, or can be converted to it."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from liploc_ros.datasets.drive import Drive, Frame
from liploc_ros.geometry import Pose
from liploc_ros.geometry.geodesy import GeodeticDatum
from liploc_ros.mapping.tile_manifest import MapError

LOG = logging.getLogger(__name__)
REMEDY = "give recordings whose poses are in one frame"
LOCAL_FRAME = "odom"  # by REP-105, its origin is wherever the vehicle was when it started


def in_one_frame(drives: Sequence[Drive]) -> list[Drive]:
    """Return recordings with all poses in the map frame of the first one.

    Two that know where their origin is on earth are converted, if both have axes east, north, up and KITTI's Mercator
    projection. Other recordings must name the same frame; that its origin is the same cannot be checked.

    Raises:
        MapError: two recordings do not fit together; both are named.
    """
    first = drives[0]
    known = {first.source: first}
    converted = [first]
    for drive in drives[1:]:
        if drive.source in known:
            raise MapError(f"{drive.source}: given twice: give each recording once")
        known[drive.source] = drive
        converted.append(_in_frame_of(first, drive))
    frame = first.pose_frame.rpartition("/")[2]
    if len(drives) > 1 and frame == LOCAL_FRAME:
        LOG.warning(
            "%s: poses in the frame %r, whose origin may differ from recording to recording: the map is wrong unless "
            "all %d recordings have one origin",
            first.source,
            first.pose_frame,
            len(drives),
        )
    return converted


def _in_frame_of(first: Drive, drive: Drive) -> Drive:
    for what in ("base_frame", "map_frame", "pose_frame"):
        mine, others = getattr(first, what), getattr(drive, what)
        if mine != others:
            raise _conflict(first, drive, f"{what} is {mine!r} and {others!r}")
    if first.geodetic_datum is not None and drive.geodetic_datum is not None:
        return _moved(drive, _shift(first, drive, first.geodetic_datum, drive.geodetic_datum))
    # Bags that name a frame describe its origin by their own name.
    if not first.pose_frame and first.datum != drive.datum:
        raise _conflict(first, drive, f"the origin of the map frame is {first.datum!r} and {drive.datum!r}")
    if (first.geodetic_datum is None) != (drive.geodetic_datum is None):
        raise _conflict(first, drive, "only one of them says where its origin is on earth")
    if not first.pose_frame and first.datum.startswith(("first pose", "the LiDAR at the first frame")):
        raise _conflict(first, drive, "each has its own origin")
    return drive


def _shift(first: Drive, drive: Drive, mine: GeodeticDatum, others: GeodeticDatum) -> Pose:
    """Return the transform from the frame of a recording to that of the first one."""
    if mine == others:
        return np.eye(4)
    if not (mine.projection == others.projection == "mercator" and mine.heading == others.heading == 90):
        raise _conflict(first, drive, "they have different origins on earth, and no common projection")
    radius = 6378137.0 * np.cos(np.deg2rad(mine.latitude))
    scale = np.cos(np.deg2rad(mine.latitude)) / np.cos(np.deg2rad(others.latitude))
    T = np.eye(4)
    T[0, 0] = T[1, 1] = scale  # metres of the second projection in metres of the first
    T[:3, 3] = (
        radius * np.deg2rad((others.longitude - mine.longitude + 180) % 360 - 180),
        radius * (_mercator(others.latitude) - _mercator(mine.latitude)),
        others.altitude - mine.altitude,
    )
    return T


def _mercator(latitude: float) -> float:
    return float(np.log(np.tan(np.deg2rad(90 + latitude) / 2)))


def _moved(drive: Drive, T: Pose) -> Drive:
    """Return a recording whose positions are transformed; axes of both frames are parallel, so rotations stay."""
    return replace(drive, frames=tuple(_moved_frame(frame, T) for frame in drive.frames))


def _moved_frame(frame: Frame, T: Pose) -> Frame:
    if frame.T_map_base is None:
        return frame
    T_map_base = frame.T_map_base.copy()
    T_map_base[:3, 3] = T[:3, :3] @ T_map_base[:3, 3] + T[:3, 3]
    return replace(frame, T_map_base=T_map_base)


def _conflict(first: Drive, drive: Drive, what: str) -> MapError:
    return MapError(f"{first.name} and {drive.name} cannot be in one map: {what}: {REMEDY}")
