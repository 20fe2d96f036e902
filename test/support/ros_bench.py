# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A bench that runs nodes over DDS in its own context, with a peer node that publishes, subscribes and calls."""

import itertools
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.context import Context
from rclpy.exceptions import InvalidHandle
from rclpy.executors import MultiThreadedExecutor, ShutdownException
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message

from liploc_ros.datasets.mounts import format_mount
from liploc_ros.nodes.bag_player.messages import BagMessages
from liploc_ros.nodes.common.ros_libraries import message_type

DOMAIN = 1 + os.getpid() % 100  # separates test runs on one machine
LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
RELIABLE = QoSProfile(depth=200)
BEST_EFFORT = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
IMAGE = "/camera_color_left/image_raw/compressed"
RAW_IMAGE = "/camera_color_left/image_raw"
INFO = "/camera_color_left/camera_info"

os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"


# Accepts the images of an old recording, whatever their confidence.
ACCEPT_ALL = {"max_image_age": 0.0, "acceptance.min_confidence": 0.0, "acceptance.min_margin": 0.0}


def localizer_settings(map_folder, camera):
    """Return parameters of the localizer for the images of a camera."""
    mount = format_mount(camera.frame_id, camera.T_base_camera)
    return {"map": str(map_folder), "image_topics": [IMAGE], "sensor_mounts": [mount]}


class RosBench:
    """Runs nodes in the background."""

    def __init__(self):
        self.context = Context()
        rclpy.init(context=self.context, domain_id=DOMAIN)
        self.names = itertools.count()
        self.nodes = []
        self.peer = None

    def _spin(self):
        while True:
            try:
                return self.executor.spin()
            except ShutdownException:
                return None
            except InvalidHandle:  # see liploc_ros.nodes.common.process
                continue

    def begin(self):
        """Create a new peer, so that subscriptions of one test do not affect the next."""
        self.executor = MultiThreadedExecutor(num_threads=8, context=self.context)
        self.thread = threading.Thread(target=self._spin, daemon=True)
        self.thread.start()
        self.peer = self.add(Node(f"peer_{next(self.names)}", context=self.context))
        self.publishers = {}

    def add(self, node):
        self.nodes.append(node)
        self.executor.add_node(node)
        return node

    def start(self, node_class, *arguments, yaml=None, **parameters):
        """Start a node with these parameters."""
        values = [Parameter(name, value=value) for name, value in parameters.items()]
        cli_args = ["--ros-args", "--params-file", str(yaml)] if yaml else None
        node = node_class(*arguments, context=self.context, parameter_overrides=values, cli_args=cli_args)
        self.add(node)
        node.start()
        return node

    def end(self):
        """Stop in the order of liploc_ros.nodes.common.process: nodes are destroyed after the executor has stopped."""
        for node in self.nodes:
            if hasattr(node, "close"):
                node.close()
        self.executor.shutdown(timeout_sec=5)
        self.thread.join(timeout=5)
        for node in self.nodes:
            node.destroy_node()
        self.nodes.clear()

    def close(self):
        rclpy.shutdown(context=self.context)

    def subscribe(self, message_type, topic, profile=RELIABLE):
        """Return a list to which the messages of a topic are appended."""
        received = []
        self.peer.create_subscription(message_type, topic, received.append, profile)
        return received

    def publish(self, topic, message, profile=RELIABLE):
        """Publish once the topic has a subscriber."""
        if topic not in self.publishers:
            self.publishers[topic] = self.peer.create_publisher(type(message), topic, profile)
        publisher = self.publishers[topic]
        self.wait(lambda: publisher.get_subscription_count() > 0, f"no subscriber of {topic}")
        publisher.publish(message)

    def call(self, service_type, name, request, seconds=15):
        """Return the response of a service."""
        client = self.peer.create_client(service_type, name)
        if not client.wait_for_service(timeout_sec=seconds):
            raise AssertionError(f"no service {name}")
        future = client.call_async(request)
        self.wait(future.done, f"no response from {name}", seconds)
        return future.result()

    def wait(self, condition, failure, seconds=10):
        """Wait until the condition returns something true, and return that."""
        deadline = time.monotonic() + seconds
        while not (result := condition()):
            if time.monotonic() > deadline:
                raise AssertionError(failure)
            time.sleep(0.01)
        return result

    def wait_for_health(self, level, words, seconds=10, meanwhile=lambda: None):
        """Wait for a diagnostic status of this level whose message contains all words, and return it.

        ``meanwhile`` is called again and again, for instance to publish images.
        """
        arrays = self.subscribe(DiagnosticArray, "/diagnostics")

        def found():
            meanwhile()
            statuses = [status for array in list(arrays) for status in array.status]
            return next((s for s in statuses if s.level == bytes([level]) and all(w in s.message for w in words)), None)

        return self.wait(found, f"no diagnostic of level {level} with {words}", seconds)


def messages_of(bag: Path, *topics):
    """Return the messages of a bag as ROS messages: lists by topic."""
    messages = BagMessages(bag)
    chosen = messages.choose(topics)
    found = {topic.name: [] for topic in chosen}
    for topic, _, data in messages.messages(chosen):
        found[topic].append(deserialize_message(data, message_type(messages.topics[topic].type_name)))
    return found


def run_process(code, *arguments):
    """Start Python code in a process that communicates with the bench."""
    environment = {**os.environ, "ROS_DOMAIN_ID": str(DOMAIN)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
