# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Several cameras that are faster than the localizer: what becomes of each image, latency, memory and services."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rcl_interfaces.srv import GetParameters

from benchmarks.dds.camera_stream import CameraStream, Run, cpu_seconds
from liploc_ros.demo.node_process import NodeProcess
from liploc_ros.srv import Localize

WARM_UP = 5.0  # s, that are not counted in latency and memory
LAST_DIAGNOSTICS = 3.0  # s
CALL_PERIOD = 0.5  # s between two requests
COUNTS = ("images received", "images replaced by newer ones", "images lost")


def measure(run: Run) -> dict[str, Any]:
    """Return the fate of the images of each camera, latency and memory at begin and end, and times of services."""
    rclpy.init()
    stream = CameraStream(run)
    counts: dict[str, dict[str, str]] = {}
    stream.node.create_subscription(DiagnosticArray, "/diagnostics", lambda msg: _read(msg, counts), 10)
    published: list[list[tuple[str, int]]] = []
    memory: list[float] = []
    with NodeProcess("localizer", "/", stream.parameters) as localizer:
        stream.wait_for_localizer()
        calls = ServiceCalls(stream.node)
        begin, cpu = time.monotonic(), cpu_seconds(localizer.pid)
        for number in range(run.images):
            published.append(stream.publish(number))
            if number % round(run.rate) == 0:
                memory.append(_resident_mb(localizer.pid))
            time.sleep(max(0.0, begin + (number + 1) / run.rate - time.monotonic()))
        seconds = time.monotonic() - begin
        load = (cpu_seconds(localizer.pid) - cpu) / seconds
        service_times = calls.finish()
        time.sleep(LAST_DIAGNOSTICS)
    first = round(WARM_UP * run.rate)
    third = (len(published) - first) // 3
    latency = {
        name: np.percentile(stream.latencies([image for images in part for image in images]), [50, 99])
        for name, part in (("first", published[first : first + third]), ("last", published[-third:]))
    }
    result: dict[str, Any] = {"published": f"{run.cameras} x {run.images} in {seconds:.0f} s"}
    for camera in range(run.cameras):
        images = [row[camera] for row in published]
        answered = sum(image in stream.answered for image in images)
        received, replaced, lost = (int(counts[f"camera /camera_{camera}/image"][name]) for name in COUNTS)
        result[f"camera {camera}"] = (
            f"{answered} answered, {replaced} replaced by newer ones, {lost} lost, "
            f"{run.images - answered - replaced - lost} without an answer or a count ({received} received)"
        )
    for name, (p50, p99) in latency.items():
        result[f"latency, {name} third"] = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms"
    steady = memory[round(WARM_UP) :]
    result["memory after 5 s, at the end"] = f"{steady[0]:.0f} MB, {steady[-1]:.0f} MB"
    result["CPU"] = f"{load:.2f} cores"
    for name, times in service_times.items():
        p50, p99 = np.percentile(times, [50, 99])
        result[name] = f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, {len(times)} requests"
    return result


class ServiceCalls:
    """Calls services of the localizer in turn, in a thread, and measures how long each takes."""

    def __init__(self, node: Any) -> None:
        self._clients = {
            "~/get_parameters": (
                node.create_client(GetParameters, "/localizer/get_parameters"),
                GetParameters.Request(names=["map"]),
            ),
            "~/localize": (node.create_client(Localize, "/localizer/localize"), Localize.Request()),
        }
        self.times: dict[str, list[float]] = {name: [] for name in self._clients}
        self._is_open = True
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def finish(self) -> dict[str, list[float]]:
        """End the calls, and return their times [ms] by service."""
        self._is_open = False
        self._thread.join()
        return self.times

    def _run(self) -> None:
        for client, _ in self._clients.values():
            client.wait_for_service(timeout_sec=10.0)
        while self._is_open:
            for name, (client, request) in self._clients.items():
                done = threading.Event()
                begin = time.monotonic()
                client.call_async(request).add_done_callback(lambda _, done=done: done.set())
                done.wait(10.0)
                self.times[name].append(1e3 * (time.monotonic() - begin))
                time.sleep(CALL_PERIOD)


def _read(msg: DiagnosticArray, counts: dict[str, dict[str, str]]) -> None:
    for status in msg.status:
        values = {value.key: value.value for value in status.values}
        if "images received" in values:
            counts[status.name.partition(": ")[2] or status.name] = values


def _resident_mb(pid: int) -> float:
    """Return the resident memory of a process [MB]."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096e-6
