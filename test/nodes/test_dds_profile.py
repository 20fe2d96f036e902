# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The Fast DDS profile for large messages."""

import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from types import SimpleNamespace

import pytest

from liploc_ros.nodes.common import dds_profile
from liploc_ros.nodes.common.dds_profile import PROFILE, PROFILE_VARIABLES, USER_VARIABLES, choose_profile
from liploc_ros.package_share import share_folder

IMAGE_BYTES = 1242 * 375 * 3
NAMES = {"d": "http://www.eprosima.com"}


@pytest.fixture
def large_memory(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=10**9))


def test_the_segment_holds_many_images():
    root = ElementTree.parse(share_folder() / PROFILE)
    assert int(root.find(".//d:segment_size", NAMES).text) > 20 * IMAGE_BYTES
    assert root.find(".//d:useBuiltinTransports", NAMES).text == "false"


def test_the_profile_is_used_if_the_user_has_set_none(large_memory):
    profile = choose_profile({})
    assert list(profile.variables.values()) == [str(share_folder() / PROFILE)]
    assert "is used" in profile.reason


@pytest.mark.parametrize("name", USER_VARIABLES)
def test_what_the_user_has_set_is_kept(large_memory, name):
    profile = choose_profile({name: "mine"})
    assert (profile.variables, f"{name}=mine is used" in profile.reason) == ({}, True)


def test_a_profile_in_the_current_folder_is_kept(large_memory, tmp_path):
    (tmp_path / "DEFAULT_FASTDDS_PROFILES.xml").touch()
    assert not choose_profile({}).variables


def test_another_middleware_gets_no_profile(large_memory):
    assert not choose_profile({"RMW_IMPLEMENTATION": "rmw_cyclonedds_cpp"}).variables
    assert choose_profile({"RMW_IMPLEMENTATION": "rmw_fastrtps_cpp"}).variables


@pytest.mark.parametrize(("version", "name"), [("7.1.6", PROFILE_VARIABLES[1]), ("9.1.2", PROFILE_VARIABLES[0])])
def test_jazzy_and_kilted_read_different_variables(large_memory, monkeypatch, version, name):
    monkeypatch.setattr(dds_profile.metadata, "version", lambda package: version)
    assert list(choose_profile({}).variables) == [name]


def test_small_shared_memory_gets_no_profile_but_the_remedy(monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=64_000_000))
    profile = choose_profile({})
    assert (profile.variables, "--shm-size" in profile.reason) == ({}, True)


def test_launch_files_can_use_it_without_rclpy():
    code = "import sys; sys.modules['rclpy'] = None; from liploc_ros.nodes.common.dds_profile import choose_profile"
    subprocess.run([sys.executable, "-c", code], env=os.environ, check=True)


PUBLISH = """
import time
from array import array
from liploc_ros.nodes.common.dds_profile import use_profile
use_profile()
import rclpy
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image
rclpy.init()
node = rclpy.create_node("camera")
publisher = node.create_publisher(Image, "/image", qos_profile_sensor_data)
image = Image(height=375, width=1242, encoding="rgb8", step=3726, data=array("B", bytes(375 * 3726)))
while not publisher.get_subscription_count():
    time.sleep(0.1)
time.sleep(1.0)
for _ in range(30):
    image.header.stamp = node.get_clock().now().to_msg()
    publisher.publish(image)
    time.sleep(0.1)
"""


@pytest.mark.skipif(not choose_profile().variables, reason="needs Fast DDS, shared memory and no profile of the user")
def test_raw_images_of_another_process_arrive_with_best_effort(bench, settings):
    from support.ros_bench import run_process

    from liploc_ros.nodes.localizer.node import LocalizerNode

    node = bench.start(LocalizerNode, **{**settings, "image_topics": ["/image"], "continuous": False})
    process = run_process(PUBLISH)
    assert process.wait(timeout=30) == 0, process.stderr.read()
    assert node.cameras[0].received > 20  # of 30; without the profile most are lost, also on a busy machine
