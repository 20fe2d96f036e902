# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The bag player node."""

import signal
import time

import pytest

pytest.importorskip("rclpy")

from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import CompressedImage
from support.bag_maker import write_bag
from support.ros_bench import BEST_EFFORT, IMAGE, RAW_IMAGE, RELIABLE, run_process

from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.mounts import parse_mount
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.nodes.bag_player import node as bag_player
from liploc_ros.nodes.bag_player.messages import BagMessages
from liploc_ros.nodes.bag_player.node import BagPlayerNode
from liploc_ros.nodes.common.conversions import NANOSECONDS

PLAY = "from liploc_ros.cli.play import play; import typer; app = typer.Typer(); app.command()(play); app()"


@pytest.fixture
def settings(demo_bag):
    return {"bag": str(demo_bag), "rate": 50.0, "wait_for_subscribers": 5.0}


def test_mounts_at_the_end_of_a_chain_of_frames_are_given_in_the_base_frame(tmp_path):
    chain = [("base_link", "mast", pose_from_yaw(1, 0, 2, 0)), ("mast", "camera", pose_from_yaw(0.5, 0, 0, 0))]
    bag = write_bag(tmp_path / "a.mcap", [("/tf_static", 1, messages.transforms(1, p, {c: T})) for p, c, T in chain])
    mounts = dict(parse_mount(entry) for entry in BagMessages(bag).sensor_mounts())
    assert mounts["camera"] == pytest.approx(pose_from_yaw(1.5, 0, 2, 0))


def test_every_message_of_the_chosen_topics_arrives(bench, settings):
    images = bench.subscribe(CompressedImage, IMAGE, RELIABLE)
    odometry = bench.subscribe(Odometry, "/odom", RELIABLE)
    bench.start(BagPlayerNode, **settings, topics=[IMAGE])
    bench.wait(lambda: len(images) == 40, "images are missing")
    assert not odometry


def test_playing_starts_when_the_awaited_topics_have_subscribers(bench, settings):
    odometry = bench.subscribe(Odometry, "/odom", RELIABLE)
    bench.start(BagPlayerNode, **settings, wait_for_topics=[RAW_IMAGE])
    time.sleep(1.5)
    assert not odometry
    images = bench.subscribe(CompressedImage, IMAGE, RELIABLE)
    bench.wait(lambda: len(images) == 40, "images are missing")


def test_the_clock_follows_the_bag(bench, settings):
    clocks = bench.subscribe(Clock, "/clock", BEST_EFFORT)
    images = bench.subscribe(CompressedImage, IMAGE, RELIABLE)
    bench.start(BagPlayerNode, **settings, topics=[IMAGE])
    bench.wait(lambda: len(images) == 40, "images are missing")
    times = [c.clock.sec * NANOSECONDS + c.clock.nanosec for c in clocks]
    assert times == sorted(times)
    assert times[-1] - times[0] > 5 * NANOSECONDS


def test_a_bag_can_be_played_in_a_loop(bench, settings):
    images = bench.subscribe(CompressedImage, IMAGE, RELIABLE)
    bench.start(BagPlayerNode, **settings, topics=[IMAGE], loop=True)
    bench.wait(lambda: len(images) > 60, "not played again")


def test_a_missing_bag_is_reported_in_one_line(bench, settings):
    with pytest.raises(LiplocError, match="/nowhere: no such bag"):
        bench.start(BagPlayerNode, **{**settings, "bag": "/nowhere"})


def test_an_unknown_topic_is_reported_with_the_topics_of_the_bag(bench, settings):
    with pytest.raises(LiplocError, match=r"has no topic /image: choose from its topics: .*/odom"):
        bench.start(BagPlayerNode, **settings, topics=["/image"])


def test_a_bag_of_types_that_are_not_installed_cannot_be_played(bench, settings, monkeypatch):
    monkeypatch.setattr(bag_player, "message_type", lambda name: None)
    with pytest.raises(LiplocError, match="no message type of its topics is installed"):
        bench.start(BagPlayerNode, **settings)


def test_ctrl_c_ends_liploc_play_without_an_error(bench, demo_bag):
    images = bench.subscribe(CompressedImage, IMAGE, RELIABLE)
    process = run_process(PLAY, demo_bag, "--loop", "--rate", 5, "--topics", IMAGE, "--wait-for-subscribers", 10)
    bench.wait(lambda: images, "nothing is played", 20)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Traceback" not in errors
