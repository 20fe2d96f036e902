# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The messages and settings of the tests of the nodes."""

import pytest


@pytest.fixture(scope="module")
def recorded(demo_bag):
    from support.ros_bench import IMAGE, INFO, messages_of

    return messages_of(demo_bag, IMAGE, INFO)


@pytest.fixture
def settings(demo_map_folder, demo_camera):
    from support.ros_bench import IMAGE

    from liploc_ros.datasets.mounts import format_mount

    mount = format_mount(demo_camera.frame_id, demo_camera.T_base_camera)
    return {"map": str(demo_map_folder), "image_topics": [IMAGE], "sensor_mounts": [mount], "max_image_age": 0.0}
