# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Calibration that is not in the bag itself: files of camera_calibration, and other bags."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.datasets.bag.index import BagIndex
from liploc_ros.datasets.bag.options import BagOptions
from liploc_ros.datasets.bag.topics import CAMERA_INFO_TYPES, BagTopics, camera_info_topic, tf_topic, topics_of
from liploc_ros.datasets.camera_file import read_camera_file
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.file_kind import is_bag
from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.files import expand_path
from liploc_ros.geometry import Camera


@dataclass
class Calibration:
    """Cameras of image topics, and fixed transforms.

    Attributes:
        cameras: of files, by image topic; the empty name is for all topics.
        camera_infos: of other bags, by their topics.
        transforms: of other bags.
    """

    cameras: dict[str, Camera] = field(default_factory=dict)
    camera_infos: dict[str, Any] = field(default_factory=dict)
    transforms: StaticTransforms = field(default_factory=StaticTransforms)

    def camera_of(self, image_topic: str) -> Camera | None:
        """Return the camera that a file gives for these images."""
        return self.cameras.get(image_topic, self.cameras.get(""))

    def has_camera(self, image_topic: str) -> bool:
        """Return whether a file or another bag has the camera of these images."""
        return self.camera_of(image_topic) is not None or camera_info_topic(image_topic) in self.camera_infos


def read_calibration(entries: Sequence[str], topics: BagTopics) -> Calibration:
    """Read the sources of calibration that the user gives.

    Args:
        entries: each a YAML file, TOPIC=FILE, or a bag.
        topics: those that the user names; other bags may lack them.

    Raises:
        LiplocError: one of them cannot be read.
    """
    result = Calibration()
    for entry in entries:
        topic, separator, name = entry.partition("=")
        is_named = bool(separator) and topic.startswith("/") and not Path(entry).exists()
        path = expand_path(name if is_named else entry)
        if not is_named and is_bag(path):
            _add_bag(result, path, topics)
            continue
        key = topic if is_named else ""
        if key in result.cameras:
            raise DatasetError(f"{path}: several files for the same images: give TOPIC=FILE for each image topic")
        result.cameras[key] = read_camera_file(path).camera
    return result


def _add_bag(result: Calibration, path: Path, topics: BagTopics) -> None:
    with BagFile(path.absolute()) as bag:
        named = {"tf": topics.tf, "tf_static": topics.tf_static}
        chosen = BagTopics(
            camera_infos=tuple(topics_of(bag, CAMERA_INFO_TYPES)),
            **{key: tf_topic(bag, name if name in bag.topics else None, f"/{key}") for key, name in named.items()},
        )
        index = BagIndex(bag, chosen, BagOptions())
        index.read()
        result.transforms.update(index.transforms)
        result.transforms.update(index.read_tf().fixed())
    if not index.camera_infos and not result.transforms.frames:
        raise DatasetError(f"{path}: has neither /tf_static nor camera_info: give another recording with --calibration")
    result.camera_infos = {**index.camera_infos, **result.camera_infos}
