# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Topics of a bag that is played to nodes."""

import pytest
from support.bag_maker import write_bag

from liploc_ros.datasets import DatasetError
from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.bag.node_topics import cameras_of_bag, check_bag_topics

IMAGE, INFO = "/camera_color_left/image_raw/compressed", "/camera_color_left/camera_info"


@pytest.fixture
def rgbd_bag(tmp_path, demo_image, demo_camera):
    color = messages.image(0, "camera", demo_image)
    depth = messages.image(0, "depth", demo_image)
    depth.encoding = "16UC1"
    info = messages.camera_info(0, demo_camera)
    items = {"/color/image": color, "/color/camera_info": info, "/depth/image": depth, "/depth/camera_info": info}
    return write_bag(tmp_path / "rgbd.mcap", [(topic, 0, msg) for topic, msg in items.items()])


def test_the_cameras_of_a_bag_are_its_images_with_a_calibration(demo_bag):
    found = cameras_of_bag(demo_bag)
    assert (found.images, found.camera_infos) == ((IMAGE,), (INFO,))


def test_depth_images_are_not_of_a_camera(rgbd_bag):
    assert cameras_of_bag(rgbd_bag).images == ("/color/image",)


def test_a_raw_name_stands_for_the_compressed_topic(demo_bag):
    check_bag_topics(demo_bag, ["/camera_color_left/image_raw", IMAGE], "/points", "/odom")


def test_a_missing_topic_is_refused_with_the_similar_one(demo_bag):
    with pytest.raises(DatasetError, match=r"no topic /velodyne_points for points: .*/points"):
        check_bag_topics(demo_bag, points="/velodyne_points")
