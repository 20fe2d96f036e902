# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Messages and settings for the tests of the localizer node. ROS is imported in the fixtures: it may be missing."""

import copy

import pytest


@pytest.fixture(scope="module")
def recorded(demo_bag):
    from support.ros_bench import IMAGE, INFO, messages_of

    return messages_of(demo_bag, IMAGE, INFO)


@pytest.fixture
def image(recorded):
    from support.ros_bench import IMAGE

    return copy.deepcopy(recorded[IMAGE][10])


@pytest.fixture
def info(recorded):
    from support.ros_bench import INFO

    return copy.deepcopy(recorded[INFO][10])


@pytest.fixture
def raw_image(demo_drive, demo_camera, image):
    from sensor_msgs.msg import Image

    from liploc_ros.nodes.common.conversions import stamp_ns_of

    frames = {frame.stamp_ns: frame for frame in demo_drive.images()}
    pixels = frames[stamp_ns_of(image)].images[demo_camera.frame_id]()
    height, width, _ = pixels.shape
    return Image(
        header=image.header, height=height, width=width, encoding="rgb8", step=3 * width, data=pixels.tobytes()
    )


@pytest.fixture
def settings(demo_map_folder, demo_camera):
    """Settings that accept the images of an old recording, whatever their confidence."""
    from support.ros_bench import ACCEPT_ALL, localizer_settings

    return localizer_settings(demo_map_folder, demo_camera) | ACCEPT_ALL
