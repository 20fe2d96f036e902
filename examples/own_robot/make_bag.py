# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Make the two bags of the tutorial from the demo recording, or from a KITTI drive.

    python examples/own_robot/make_bag.py OUT             # from the demo recording of the package
    python examples/own_robot/make_bag.py OUT --from DRIVE  # from a KITTI drive: all its scans, more images

OUT/survey.mcap is the drive on which the map is made: LiDAR, camera, INS and wheel odometry. OUT/patrol.mcap is a later
drive of a vehicle that has a camera and wheel odometry only, and whose camera is mounted a little wrong. Topics,
frames, lens and odometry differ from KITTI's; see robot.py.
"""

import argparse
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import robot
from robot import Robot

from liploc_ros.datasets import DatasetError, Drive, Frame, open_drive
from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.bag.writer import BagWriter
from liploc_ros.errors import LiplocError
from liploc_ros.evaluation.scene.lidar_beams import beam_elevations
from liploc_ros.evaluation.scene.mapped_pass import MappedPass
from liploc_ros.evaluation.scene.simulated_scan import simulate_scan
from liploc_ros.geometry import Pose, interpolate, inverse, transform_points
from liploc_ros.package_share import share_folder

DAY_NS = 86_400_000_000_000  # between the two drives
ODOMETRY_PERIOD_NS = 50_000_000
SOURCE_DISTANCE = 12.0  # [m] of the recorded scans whose points a simulated scan sees
INS_SIGMAS = [0.05, 0.05, 0.1, 0.001, 0.001, 0.002, *[0.1] * 6]
WHEEL_SIGMAS = [0.1, 0.1, 0.1, 0.01, 0.01, 0.02, *[0.1] * 6]


class Message(NamedTuple):
    """A message and when it is recorded."""

    stamp_ns: int
    topic: str
    content: Any


def main() -> None:
    """Write both bags."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder for the bags; it is created")
    parser.add_argument("--from", dest="source", type=Path, help="KITTI drive; default: the demo recording")
    parser.add_argument(
        "--patrol-every", type=int, default=2, metavar="N", help="every N-th image is of the patrol; default: 2"
    )
    arguments = parser.parse_args()
    if arguments.patrol_every < 2:
        parser.error("--patrol-every must be at least 2: the survey needs images too")
    try:
        drive = open_drive(arguments.source or share_folder() / "demo" / "kitti_0013_excerpt.mcap")
        arguments.out.mkdir(parents=True, exist_ok=True)
        write_bags(drive, arguments.out, arguments.patrol_every)
    except LiplocError as error:
        parser.exit(1, f"make_bag.py: {error}\n")


def write_bags(drive: Drive, out: Path, patrol_every: int) -> None:
    """Divide the images of a drive between survey and patrol, and write both."""
    frames = surveyed(drive)
    images = [i for i, frame in enumerate(frames) if frame.images]
    of_patrol = set(images[1::patrol_every])
    camera = drive.cameras[next(iter(frames[images[0]].images))]
    T_ins_lidar = np.eye(4) if drive.T_base_lidar is None else drive.T_base_lidar
    robots = {tilted: Robot(T_ins_lidar, camera, tilted=tilted) for tilted in (False, True)}
    survey = [frame for i, frame in enumerate(frames) if i not in of_patrol]
    patrol = [frames[i] for i in sorted(of_patrol)]
    write(
        out / "survey.mcap",
        survey_messages(survey, robots[False]),
        robots[False].mounts(survey[0].stamp_ns, with_lidar=True),
    )
    first = patrol[0].stamp_ns + DAY_NS
    write(out / "patrol.mcap", patrol_messages(patrol, robots[True]), robots[True].mounts(first, with_lidar=False))


def surveyed(drive: Drive) -> list[Frame]:
    """Return the frames with a pose. If there are few scans, one is simulated at each image.

    A simulated scan has the points of all recorded scans within 12 m that a LiDAR with 64 beams would see from there.
    """
    try:
        return list(drive.complete().frames)
    except DatasetError:
        posed = [frame for frame in drive.frames if frame.T_map_base is not None]
    T_base_lidar = np.eye(4) if drive.T_base_lidar is None else drive.T_base_lidar
    recorded = MappedPass.recorded(posed, T_base_lidar)
    scans, beams = recorded.thoroughly_static, beam_elevations(64)

    def simulated(frame: Frame) -> Frame:
        T_map_lidar = pose_of(frame) @ T_base_lidar
        away = np.linalg.norm(recorded.lidar_positions - T_map_lidar[:3, 3], axis=1)
        near = [scans.static_scan(int(i)) for i in np.flatnonzero(away < SOURCE_DISTANCE)]
        clouds = [(transform_points(inverse(T_map_lidar) @ s.T_map_lidar, s.points), s.points[:, 3:]) for s in near]
        points = simulate_scan(np.concatenate([np.hstack(cloud) for cloud in clouds]).astype(np.float32), beams)
        return Frame(frame.stamp_ns, frame.T_map_base, frame.images, lambda: points)

    return [simulated(frame) if frame.images else frame for frame in posed]


def pose_of(frame: Frame) -> Pose:
    """Return where the base of the recording was."""
    return np.eye(4) if frame.T_map_base is None else frame.T_map_base


def odometry_poses(frames: list[Frame]) -> Iterator[tuple[int, Pose]]:
    """Yield stamps and poses of the INS, 20 per second."""
    for before, after in pairwise(frames):
        for stamp in range(before.stamp_ns, after.stamp_ns, ODOMETRY_PERIOD_NS):
            share = (stamp - before.stamp_ns) / (after.stamp_ns - before.stamp_ns)
            yield stamp, interpolate(pose_of(before), pose_of(after), share)
    yield frames[-1].stamp_ns, pose_of(frames[-1])


def survey_messages(frames: list[Frame], vehicle: Robot) -> Iterator[Message]:
    """Yield what the vehicle with LiDAR and INS records."""
    for stamp, T in odometry_poses(frames):
        ins = messages.odometry(stamp, "map", robot.INS, T, np.zeros(6), INS_SIGMAS)
        yield Message(stamp, robot.INS_ODOMETRY, ins)
    yield from wheel_messages(frames, 0)
    for frame in frames:
        if frame.read_points is not None:
            yield Message(frame.stamp_ns, robot.POINTS, vehicle.points(frame.stamp_ns, frame.read_points()))
        yield from image_messages(frame, vehicle, 0)


def patrol_messages(frames: list[Frame], vehicle: Robot) -> Iterator[Message]:
    """Yield what the vehicle with a camera records, a day later."""
    yield from wheel_messages(frames, DAY_NS)
    for frame in frames:
        yield from image_messages(frame, vehicle, DAY_NS)


def wheel_messages(frames: list[Frame], later_ns: int) -> Iterator[Message]:
    """Yield wheel odometry, and the same as transforms."""
    stamps, poses = zip(*odometry_poses(frames), strict=True)
    for stamp, T in zip(stamps, robot.wheel_odometry([T @ robot.T_INS_BASE for T in poses]), strict=True):
        stamp += later_ns
        odometry = messages.odometry(stamp, "odom", robot.BASE, T, np.zeros(6), WHEEL_SIGMAS)
        yield Message(stamp, robot.WHEEL_ODOMETRY, odometry)
        yield Message(stamp, "/tf", messages.transforms(stamp, "odom", {robot.BASE: T}))


def image_messages(frame: Frame, vehicle: Robot, later_ns: int) -> Iterator[Message]:
    """Yield the image of a frame and its calibration, if it has one."""
    for read in list(frame.images.values())[:1]:
        stamp = frame.stamp_ns + later_ns
        yield Message(stamp, robot.INFOS, vehicle.camera_info(stamp))
        yield Message(stamp, robot.IMAGES, vehicle.image(stamp, read()))


def write(path: Path, content: Iterator[Message], mounts: Any) -> None:
    """Write messages in the order of their times, after /tf_static, and print what there is."""
    ordered = sorted(content, key=lambda message: message.stamp_ns)
    counts: dict[str, int] = {}
    with BagWriter(path, force=True) as bag:
        bag.add_topic("/tf_static", mounts.__msgtype__, is_latched=True)
        bag.write("/tf_static", ordered[0].stamp_ns, mounts)
        for message in ordered:
            if message.topic not in counts:
                bag.add_topic(message.topic, message.content.__msgtype__)
            counts[message.topic] = counts.get(message.topic, 0) + 1
            bag.write(message.topic, message.stamp_ns, message.content)
    topics = ", ".join(f"{count} {topic}" for topic, count in sorted(counts.items()))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB; {topics}, 1 /tf_static")


if __name__ == "__main__":
    main()
