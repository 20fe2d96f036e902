# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Raw images over DDS: how many are answered, and how fast. Publisher and localizer run in two processes.

python -m benchmarks.dds
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from array import array
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, Image

from liploc_ros import ModelBundle, build_map, open_drive
from liploc_ros.datasets.mounts import format_mount
from liploc_ros.demo.node_process import NodeProcess, ParameterValues
from liploc_ros.msg import PoseHypothesisArray
from liploc_ros.nodes.bag_player.messages import BagMessages
from liploc_ros.nodes.common.conversions import NANOSECONDS, stamp_ns_of
from liploc_ros.nodes.common.dds_profile import PROFILE_VARIABLES, choose_profile
from liploc_ros.package_share import share_folder

BAG = share_folder() / "demo" / "kitti_0013_excerpt.mcap"
INFO = "/camera_color_left/camera_info"
WARM_UP = 10  # images that are not counted
LAST_ANSWER = 2.0  # s
RELIABILITIES = {"best_effort": ReliabilityPolicy.BEST_EFFORT, "reliable": ReliabilityPolicy.RELIABLE}


def main() -> None:
    """Print the table, or measure one row in its own process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--rate", type=float, default=10.0, help="images per second")
    parser.add_argument("--unused", action="store_true", help="do not localize the images, to measure receiving alone")
    parser.add_argument("--row", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        lidar_map, reliability, is_shared = Path(args.row[0]), args.row[1], args.row[2] == "both"
        print(json.dumps(measure(lidar_map, reliability, is_shared, args.images, args.rate, localize=not args.unused)))
        return
    print("| publisher | profile in | answered | p50 | p99 | CPU of the localizer |\n|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        build_map(open_drive(BAG), ModelBundle.load()).save(Path(folder) / "map")
        without = {name: value for name, value in os.environ.items() if name not in PROFILE_VARIABLES}
        for place in ("no process", "the publisher", "both"):
            variables = {} if place == "no process" else choose_profile(without).variables
            for reliability in RELIABILITIES:
                command = [sys.executable, "-m", "benchmarks.dds", "--row", f"{folder}/map", reliability, place]
                command += ["--images", str(args.images), "--rate", str(args.rate), *["--unused"] * args.unused]
                output = subprocess.run(command, env=without | dict(variables), check=True, stdout=subprocess.PIPE)
                row = json.loads(output.stdout)
                times = "| | " if row["p50"] is None else f"| {row['p50']:.0f} ms | {row['p99']:.0f} ms "
                answered = f"{row['answered']} of {row['images']}"
                print(f"| {reliability} | {place} | {answered} {times}| {row['cpu']:.2f} of a core |", flush=True)


def measure(
    lidar_map: Path, reliability: str, is_shared: bool, images: int, rate: float, *, localize: bool
) -> dict[str, Any]:
    """Publish images to a localizer process; return images, answered, p50 and p99 [ms], and its CPU load [cores]."""
    drive = open_drive(BAG)
    name, mounted = next(iter(drive.cameras.items()))
    frames = [_message(frame.images[name](), name) for frame in drive.images()]
    bag = BagMessages(BAG)
    info = next(data for _, _, data in bag.messages(bag.choose([INFO])))
    rclpy.init()
    node = rclpy.create_node("camera")
    if not is_shared:  # the publisher has read the profile; the localizer inherits the environment
        for variable in PROFILE_VARIABLES:
            os.environ.pop(variable, None)
    profile = QoSProfile(depth=5, reliability=RELIABILITIES[reliability])
    publisher, info_publisher = (
        node.create_publisher(kind, topic, profile) for kind, topic in ((Image, "/image"), (CameraInfo, "/camera_info"))
    )
    answers: dict[int, float] = {}
    node.create_subscription(
        PoseHypothesisArray,
        "/localizer/hypotheses",
        lambda m: answers.setdefault(stamp_ns_of(m), time.monotonic()),
        100,
    )
    threading.Thread(target=rclpy.spin, args=(node,), daemon=True).start()
    parameters: ParameterValues = {
        "map": str(lidar_map),
        "image_topics": ["/image"],
        "sensor_mounts": [format_mount(name, mounted.T_base_camera)],
        "continuous": localize,
    }
    sent: dict[int, float] = {}
    with NodeProcess("localizer", "/", parameters) as localizer:
        while not publisher.get_subscription_count():
            time.sleep(0.1)
        time.sleep(1.0)  # the subscription follows the publisher
        begin, cpu = time.monotonic(), 0.0
        for number in range(WARM_UP + images):
            if number == WARM_UP:
                cpu, measured_from = _cpu_seconds(localizer.pid), time.monotonic()
            message = frames[number % len(frames)]
            now = node.get_clock().now().nanoseconds
            message.header.stamp.sec, message.header.stamp.nanosec = divmod(now, NANOSECONDS)
            info_publisher.publish(info)
            sent[now] = time.monotonic()
            publisher.publish(message)
            time.sleep(max(0.0, begin + (number + 1) / rate - time.monotonic()))
        load = (_cpu_seconds(localizer.pid) - cpu) / (time.monotonic() - measured_from)
        time.sleep(LAST_ANSWER)
    counted = list(sent)[WARM_UP:]
    times = [1e3 * (answers[stamp] - sent[stamp]) for stamp in counted if stamp in answers]
    p50, p99 = np.percentile(times, [50, 99]) if times else (None, None)
    return {"images": images, "answered": len(times), "p50": p50, "p99": p99, "cpu": load}


def _message(rgb: Any, frame_id: str) -> Any:
    height, width, _ = rgb.shape
    message = Image(height=height, width=width, encoding="rgb8", step=3 * width, data=array("B", rgb.tobytes()))
    message.header.frame_id = frame_id
    return message


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process [s]."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
