# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Latency of one camera: from publishing an image to receiving its hypotheses, beside the library alone."""

import time

import numpy as np
import rclpy

from benchmarks.dds.camera_stream import BAG, CameraStream, Run, cpu_seconds
from liploc_ros import LidarMap, Localizer, ModelBundle, open_drive
from liploc_ros.demo.node_process import NodeProcess
from liploc_ros.threads import limit_threads

WARM_UP = 20  # images that are not counted
LAST_ANSWER = 2.0  # s
MODES = {False: "single images", True: "tracking with odometry"}


def measure(run: Run) -> dict[str, float | None]:
    """Publish images to a localizer process; return images, answered, p50 and p99 [ms], and its CPU load [cores]."""
    rclpy.init()
    stream = CameraStream(run)
    published: list[tuple[str, int]] = []
    with NodeProcess("localizer", "/", stream.parameters) as localizer:
        stream.wait_for_localizer()
        begin = cpu = measured_from = time.monotonic()
        for number in range(WARM_UP + run.images):
            if number == WARM_UP:
                cpu, measured_from = cpu_seconds(localizer.pid), time.monotonic()
            published += stream.publish(number)
            time.sleep(max(0.0, begin + (number + 1) / run.rate - time.monotonic()))
        load = (cpu_seconds(localizer.pid) - cpu) / (time.monotonic() - measured_from)
        time.sleep(LAST_ANSWER)
    times = stream.latencies(published[WARM_UP:])
    p50, p99 = np.percentile(times, [50, 99]) if len(times) else (None, None)
    return {"images": run.images, "answered": len(times), "p50": p50, "p99": p99, "cpu": load}


def library_times(run: Run) -> dict[str, tuple[float, float]]:
    """Return p50 and p99 [ms] of the library by mode, at the same rate: an idle processor is slower than a busy one."""
    limit_threads()
    drive, bundle = open_drive(BAG), ModelBundle.load()
    localizer = Localizer(LidarMap.load(run.lidar_map, bundle), bundle)
    name, camera = next(iter(drive.cameras.items()))
    frames = [(frame.images[name](), frame.T_map_base) for frame in drive.images()]
    results = {}
    for tracked, mode in MODES.items():
        times = []
        for number, (image, T_odom_base) in enumerate(2 * frames):
            if number == len(frames):
                localizer.tracker.reset()
            begin = time.perf_counter()
            stamp_ns = time.time_ns()
            if tracked:
                localizer.track(image, camera, stamp_ns, T_odom_base)
            else:
                localizer.localize(image, camera, stamp_ns)
            times.append(1e3 * (time.perf_counter() - begin))
            time.sleep(max(0.0, begin + 1 / run.rate - time.perf_counter()))
        p50, p99 = np.percentile(times[WARM_UP:], [50, 99])
        results[mode] = (float(p50), float(p99))
    return results
