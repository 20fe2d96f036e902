# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Readers of recordings. Every reader returns a Drive of Frames."""

from liploc_ros.datasets.bag.options import BagOptions
from liploc_ros.datasets.bag.reader import read_bag
from liploc_ros.datasets.bag.topics import BagTopics
from liploc_ros.datasets.drive import DatasetError, Drive, Frame
from liploc_ros.datasets.file_kind import BAG_SUFFIXES
from liploc_ros.datasets.kitti.kitti_360 import read_kitti_360
from liploc_ros.datasets.kitti.object_frames import read_kitti_object
from liploc_ros.datasets.kitti.odometry import read_kitti_odometry
from liploc_ros.datasets.kitti.raw import read_kitti_raw
from liploc_ros.datasets.open import open_drive, open_sources

__all__ = [
    "BAG_SUFFIXES",
    "BagOptions",
    "BagTopics",
    "DatasetError",
    "Drive",
    "Frame",
    "open_drive",
    "open_sources",
    "read_bag",
    "read_kitti_360",
    "read_kitti_object",
    "read_kitti_odometry",
    "read_kitti_raw",
]
