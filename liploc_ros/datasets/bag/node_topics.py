# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Topics of a bag that is played to nodes."""

from collections.abc import Sequence
from pathlib import Path

from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.datasets.bag.topics import BagTopics, DataKind, choose_topics
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.image_encoding import describe_depth
from liploc_ros.files import expand_path

IMAGES: tuple[DataKind, ...] = ("images",)
POINTS: tuple[DataKind, ...] = ("points",)
ODOMETRY: tuple[DataKind, ...] = ("odometry",)


def cameras_of_bag(path: Path | str) -> BagTopics:
    """Return the topics of all cameras of a bag, with those of their CameraInfo. Depth images are skipped.

    Raises:
        DatasetError: the bag cannot be read, or has no camera.
    """
    with BagFile(expand_path(path)) as bag:
        found = choose_topics(bag, BagTopics(), IMAGES)
        depth = {topic: reason for topic in found.images if (reason := _why_depth(bag, topic))}
        cameras = {
            topic: info
            for topic, info in zip(found.images, found.camera_infos, strict=True)
            if topic not in depth and info
        }
        if not cameras:
            raise DatasetError(f"{bag.path}: has no camera: {depth or 'no image topic has a CameraInfo'}")
    return BagTopics(images=tuple(cameras), camera_infos=tuple(cameras.values()))


def check_bag_topics(
    path: Path | str, images: Sequence[str] = (), points: str | None = None, odometry: str | None = None
) -> None:
    """Check that a bag has the topics that nodes will subscribe to; ``images`` may lack ``/compressed``.

    Raises:
        DatasetError: the bag cannot be read, or lacks one of them; the message names similar ones.
    """
    with BagFile(expand_path(path)) as bag:
        for topic in images:
            if f"{topic}/compressed" not in bag.topics and topic not in bag.topics:
                wanted = BagTopics(images=(topic,))
                choose_topics(bag, wanted, IMAGES)  # which explains what is wrong
        if points:
            choose_topics(bag, BagTopics(points=points), POINTS)
        if odometry:
            choose_topics(bag, BagTopics(odometry=odometry), ODOMETRY)


def _why_depth(bag: BagFile, topic: str) -> str:
    """Return why the first image of a topic is not of a camera, or an empty string."""
    return next((describe_depth(msg) for _, msg in bag.messages([topic])), "")
