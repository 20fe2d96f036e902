# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Several processes on one vehicle, and a map that is replaced while images arrive. All over DDS."""

import copy
import signal
import threading

import pytest

pytest.importorskip("rclpy")

from diagnostic_msgs.msg import DiagnosticArray
from support.ros_bench import IMAGE, INFO, run_process

from liploc_ros.mapping.manifest import read_manifest, write_manifest
from liploc_ros.msg import Belief, LocalizationStatus, PoseHypothesisArray
from liploc_ros.nodes.common.conversions import header_at, stamp_ns_of
from liploc_ros.nodes.localizer.node import LocalizerNode
from liploc_ros.srv import LoadMap

LOCALIZER = "import sys; from liploc_ros.nodes.localizer.node import main; sys.exit(main(sys.argv))"
PLAYER = "import sys; from liploc_ros.nodes.bag_player.node import main; sys.exit(main(sys.argv))"
NAMES = ("front", "rear")


def start(code, *remappings, **parameters):
    values = [part for name, value in parameters.items() for part in ("-p", f"{name}:={value}")]
    return run_process(code, "--ros-args", *remappings, *values)


def test_two_localizers_and_a_player_run_in_processes_of_their_own(bench, settings, demo_bag):
    beliefs = {name: bench.subscribe(Belief, f"/{name}/belief") for name in NAMES}
    arrays = bench.subscribe(DiagnosticArray, "/diagnostics")
    parameters = {"map": settings["map"], "image_topics": f"['{IMAGE}']", "sensor_mounts": settings["sensor_mounts"]}
    localizers = [
        start(LOCALIZER, "-r", f"__node:={name}", **parameters, odometry_topic="/odom", use_sim_time="true")
        for name in NAMES
    ]
    bench.wait(lambda: bench.peer.count_subscribers(IMAGE) == 2, "not subscribed", seconds=30)
    player = start(PLAYER, bag=demo_bag, rate=4.0)
    for name in NAMES:
        is_localized = lambda name=name: any(b.state == Belief.LOCALIZED for b in beliefs[name])  # noqa: E731
        bench.wait(is_localized, f"{name} is not localized", seconds=30)
    assert player.wait(timeout=60) == 0
    for process in localizers:
        process.send_signal(signal.SIGINT)
        _, log = process.communicate(timeout=60)
        assert (process.returncode, log.count("summary: ")) == (0, 1), log
    assert {status.name.partition(": ")[0] for array in arrays for status in array.status} == set(NAMES)


def test_a_map_is_replaced_while_images_arrive(bench, settings, saved_map, image, info):
    received = bench.subscribe(PoseHypothesisArray, "/localizer/hypotheses")
    node = bench.start(LocalizerNode, **settings)
    before = node.engine.lidar_map.id
    write_manifest(saved_map, read_manifest(saved_map).model_copy(update={"datum": "another"}))
    bench.publish(INFO, info)
    is_over = threading.Event()

    def publish_images():
        for number in range(1000):
            stamped = copy.copy(image)
            stamped.header = header_at(stamp_ns_of(image) + number * 10**8, image.header.frame_id)
            bench.publish(IMAGE, stamped)
            if is_over.wait(0.1):
                return

    camera = threading.Thread(target=publish_images)
    camera.start()
    bench.wait(lambda: any(result.hypotheses for result in received), "no hypotheses")
    response = bench.call(LoadMap, "/localizer/load_map", LoadMap.Request(path=str(saved_map)))
    bench.wait(lambda: received[-1].hypotheses and received[-1].map_id != before, "no result on the new map")
    is_over.set()
    camera.join()
    assert response.success, response.message
    maps = [result.map_id for result in received if result.hypotheses]
    assert len(set(maps)) == 2 and maps == sorted(maps, key=lambda map_id: map_id != before)  # one change
    failures = [r.message for r in received if r.status == LocalizationStatus.INTERNAL_ERROR]
    assert all("CameraInfo" in message or "the map was replaced" in message for message in failures)
