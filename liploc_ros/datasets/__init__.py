"""Readers of recordings: whatever is read becomes a Drive of Frames."""

from liploc_ros.datasets.bag_topics import BagTopics
from liploc_ros.datasets.frame import DatasetError, Drive, Frame
from liploc_ros.datasets.kitti_360 import read_kitti_360
from liploc_ros.datasets.kitti_object import read_kitti_object
from liploc_ros.datasets.kitti_odometry import read_kitti_odometry
from liploc_ros.datasets.kitti_raw import read_kitti_raw
from liploc_ros.datasets.layouts import BAG_SUFFIXES, open_drive, open_sources
from liploc_ros.datasets.rosbag import read_bag

__all__ = [
    "BAG_SUFFIXES",
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
