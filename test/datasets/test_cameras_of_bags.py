# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Which image topics of a bag are cameras."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bag_maker import write_bag

from liploc_ros.datasets import BagTopics, DatasetError, read_bag
from liploc_ros.datasets.bag import messages
from liploc_ros.geometry import MountedCamera, PinholeCamera

K = np.array([[40.0, 0, 32], [0, 40, 16], [0, 0, 1]])


def info(frame_id: str) -> Any:
    return messages.camera_info(5, MountedCamera(frame_id, PinholeCamera(64, 32, K), np.eye(4)))


def image(frame_id: str, encoding: str = "rgb8") -> Any:
    msg = messages.image(5, frame_id, np.zeros((32, 64, 3), np.uint8))
    msg.encoding = encoding
    return msg


def write(tmp_path: Path, *items: tuple[str, Any]) -> Path:
    return write_bag(tmp_path / "bag.mcap", [(topic, 5, msg) for topic, msg in items])


COLOUR = [("/c/camera_info", info("base_link")), ("/c/image_raw", image("base_link"))]


@pytest.mark.parametrize("encoding", ["16UC1", "32FC1"])
def test_depth_is_skipped_beside_a_camera_of_the_same_frame(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, encoding: str
) -> None:
    depth = [("/d/camera_info", info("base_link")), ("/d/image_raw", image("base_link", encoding))]
    path = write(tmp_path, *COLOUR, *depth)
    assert len(read_bag(path, needs=("images",)).frames) == 1
    assert f"/d/image_raw: {encoding} is depth" in caplog.text
    with pytest.raises(DatasetError, match=f"/d/image_raw: {encoding} is depth"):
        read_bag(path, BagTopics(images=("/d/image_raw",)))


def test_a_camera_without_a_mount_is_skipped_beside_another(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    lost = [("/l/camera_info", info("lost")), ("/l/image_raw", image("lost"))]
    assert list(read_bag(write(tmp_path, *COLOUR, *lost)).cameras) == ["base_link"]
    assert "no static transform from 'lost' to 'base_link'" in caplog.text


def test_video_is_refused_by_its_declared_format(tmp_path: Path) -> None:
    video = messages.compressed_image(5, "base_link", np.zeros((32, 64, 3), np.uint8), 90)
    video.format = "h265"
    path = write(tmp_path, ("/c/camera_info", info("base_link")), ("/c/image_raw/compressed", video))
    with pytest.raises(DatasetError, match="format 'h265' is video, whose packets are not images: decode it first"):
        read_bag(path, needs=("images",))
