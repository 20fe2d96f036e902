# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Poses of the vehicle and of its sensors in a bag: from odometry or /tf, and from /tf_static, options or files."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from liploc_ros.datasets.bag.calibration import Calibration
from liploc_ros.datasets.bag.index import BagIndex
from liploc_ros.datasets.bag.tf_poses import WORLD_FRAMES, TfPoses
from liploc_ros.datasets.bag.topics import ODOMETRY_TYPES, POSE_TYPES, TF_TYPES, DataKind, describe_missing, topics_of
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.left_out import warn_once
from liploc_ros.datasets.mounts import SensorMounts
from liploc_ros.datasets.pose_message import DEFAULT_BASE_FRAME, frame_name
from liploc_ros.datasets.trajectory import Trajectory
from liploc_ros.geometry import Pose, inverse

PART = re.compile(r"_[1-9]\d*$")
"""End of the name of a later file of a split recording; /tf_static is often in the first only."""


@dataclass(frozen=True)
class BagPoses:
    """Poses of the vehicle and of its sensors.

    Attributes:
        trajectory: of the base frame in the map frame.
        base_frame: of the vehicle.
        map_frame: of the poses; empty if there are none.
        source: topic of the poses; empty if there are none.
        mounts: of the sensors.
    """

    trajectory: Trajectory
    base_frame: str
    map_frame: str
    source: str
    mounts: SensorMounts

    def mount_of(self, index: BagIndex, topic: str, frame_id: str) -> Pose:
        """Return the pose of the sensor of a topic in the base frame.

        Raises:
            DatasetError: it is not known.
        """
        try:
            return self.mounts.lookup(self.base_frame, frame_id or topic)
        except DatasetError as error:
            bag = index.bag
            problem = str(error) if frame_id else f"messages of {topic} have no frame_id"
            others = [t for t in topics_of(bag, TF_TYPES) if t not in (index.topics.tf, index.topics.tf_static)]
            hint = f" (other topics of transforms: {', '.join(others)})" if others else ""
            whole = "the folder of the whole recording, " if PART.search(bag.path.stem) else ""
            raise DatasetError(
                f"{bag.path}: {problem}{hint}: give {whole}--sensor-mount '{frame_id or topic} x y z roll pitch yaw', "
                "--calibration with a bag that has /tf_static, or --base-frame"
            ) from error

    def lidar_mount(self, index: BagIndex) -> Pose:
        """Return the pose of the LiDAR in the base frame.

        Raises:
            DatasetError: it is not known, or the scans are already in the map frame.
        """
        topic, frame_id = index.topics.points or "", index.scans.frame_id
        is_world = frame_id in WORLD_FRAMES and not self.mounts.knows(self.base_frame, frame_id)
        if frame_id and frame_id not in self.mounts.given and (frame_id == self.map_frame or is_world):
            raise DatasetError(
                f"{index.bag.path}: {topic} is in the frame {frame_id!r}, in which the vehicle moves: its scans are "
                f"already registered: choose the topic of the LiDAR itself with --points-topic "
                f"(topics: {index.bag.describe()})"
            )
        return self.mount_of(index, topic, frame_id)


def find_poses(index: BagIndex, calibration: Calibration, needs: Collection[DataKind]) -> BagPoses:
    """Return the poses in a bag.

    /tf is read only if there is no usable odometry, or if it may have the mount of a sensor.

    Raises:
        LiplocError: poses are needed, and there are none; or a mount of the options cannot be read.
    """
    options = index.options
    transforms = index.transforms
    transforms.update(calibration.transforms)
    mounts = SensorMounts(options.sensor_mounts, transforms)
    frames = {index.topics.points or "": index.scans, **index.more_scans}
    frames |= {t: i for t, i in index.images.items() if not i.refused}
    sensors = [i.frame_id or t for t, i in frames.items() if i.messages]
    base_frame = frame_name(options.base_frame or (index.poses[0][1] if index.poses else DEFAULT_BASE_FRAME))
    wants_poses = not index.poses and (not needs or "odometry" in needs)
    tf = TfPoses(options.pose_limits)
    if wants_poses or not all(mounts.knows(base_frame, sensor) for sensor in sensors):
        tf = index.read_tf()
        transforms.update(tf.fixed())
    if not index.poses:
        return _from_tf(index, tf, mounts, sensors, needs) if wants_poses else _without(base_frame, mounts)
    trajectory = Trajectory(limits=options.pose_limits)
    topic = index.topics.odometry or ""
    T_child_base = {
        child: inverse(mounts.lookup(base_frame, child))
        for child in {child for _, child, _ in index.poses}
        if mounts.knows(base_frame, child)
    }
    for stamp_ns, child, T_map_child in index.poses:
        if child in T_child_base:
            trajectory.append(stamp_ns, T_map_child @ T_child_base[child])
        else:
            reason = f"it moves {child!r}, which no static transform connects to the base frame {base_frame!r}"
            index.left_out.add(topic, stamp_ns, reason)
    if not len(trajectory):
        child = index.poses[0][1]
        raise DatasetError(
            f"{index.bag.path}: {topic}: {index.left_out.reason(topic)}: choose another --base-frame, or give "
            f"--sensor-mount '{child} x y z roll pitch yaw'"
        )
    return BagPoses(trajectory, base_frame, index.odometry_frame, topic, mounts)


def _from_tf(
    index: BagIndex, tf: TfPoses, mounts: SensorMounts, sensors: list[str], needs: Collection[DataKind]
) -> BagPoses:
    wanted = frame_name(index.options.base_frame or "") or None
    for sensor in sensors:
        frame = (wanted or DEFAULT_BASE_FRAME) if frame_name(sensor) in mounts.given else sensor
        chain = tf.chain(frame, mounts.transforms, wanted)
        if chain is not None and len(chain.trajectory):
            warn_once(
                f"{index.bag.path}: without odometry, poses are those of {chain.world} -> {chain.base_frame} on "
                f"{index.topics.tf}"
            )
            return BagPoses(chain.trajectory, chain.base_frame, chain.world, index.topics.tf or "", mounts)
    if "odometry" not in needs:
        return _without(wanted or DEFAULT_BASE_FRAME, mounts)
    topic = index.topics.odometry
    problem = describe_missing(index.bag, ODOMETRY_TYPES, "odometry")
    if topic is not None:
        problem = f"{topic} has no usable message: {index.left_out.reason(topic) or 'it is empty'}"
    elif topics_of(index.bag, POSE_TYPES):  # the user has to choose one
        raise DatasetError(f"{index.bag.path}: {problem}")
    has = f"{index.topics.tf} has {tf.describe()}" if index.topics.tf else "there is no /tf"
    raise DatasetError(
        f"{index.bag.path}: {problem}; {has}, no moving frame that carries {' or '.join(sensors) or 'a sensor'}: "
        f"give another recording, or --sensor-mount '{sensors[0] if sensors else 'FRAME'} x y z roll pitch yaw'"
    )


def _without(base_frame: str, mounts: SensorMounts) -> BagPoses:
    return BagPoses(Trajectory(), base_frame, "", "", mounts)
