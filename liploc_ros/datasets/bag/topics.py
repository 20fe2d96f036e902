# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Selection of the topics of a bag."""

from collections.abc import Callable, Collection
from difflib import get_close_matches
from typing import Literal

from pydantic import Field

from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.image_encoding import VIDEO_TYPES
from liploc_ros.datasets.left_out import warn_once
from liploc_ros.schema import FrozenModel

POINT_TYPES = ("sensor_msgs/msg/PointCloud2",)
ODOMETRY_TYPES = ("nav_msgs/msg/Odometry",)
POSE_TYPES = ("geometry_msgs/msg/PoseStamped", "geometry_msgs/msg/PoseWithCovarianceStamped")
"""Types that are read as odometry if their topic is named. They can also be goals, so they are not found by type."""
IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
CAMERA_INFO_TYPES = ("sensor_msgs/msg/CameraInfo",)
TF_TYPES = ("tf2_msgs/msg/TFMessage", "tf/msg/tfMessage")

DataKind = Literal["points", "odometry", "images"]
"""A kind of data in a bag."""


class BagTopics(FrozenModel):
    """Topics to read. Topics that are not given are found by their types or names."""

    points: str | None = Field(None, description="sensor_msgs/PointCloud2 of the LiDAR")
    more_points: tuple[str, ...] = Field(
        (), description="PointCloud2 of more LiDARs, whose scans are joined to `points`"
    )
    odometry: str | None = Field(
        None,
        description="nav_msgs/Odometry, PoseStamped or PoseWithCovarianceStamped of the vehicle, or tf2_msgs/TFMessage",
    )
    images: tuple[str, ...] = Field(
        (), description="sensor_msgs/Image or CompressedImage, each with a camera_info in its namespace"
    )
    camera_infos: tuple[str, ...] = Field((), description="sensor_msgs/CameraInfo of each of `images`, in this order")
    tf: str | None = Field(None, description="tf2_msgs/TFMessage with moving frames")
    tf_static: str | None = Field(None, description="tf2_msgs/TFMessage with the poses of the sensors")

    def info_of(self, image_topic: str) -> str:
        """Return the camera_info topic of an image topic."""
        given = dict(zip(self.images, self.camera_infos, strict=False))
        return given.get(image_topic) or camera_info_topic(image_topic)


def choose_topics(
    bag: BagFile,
    wanted: BagTopics,
    needs: Collection[DataKind],
    has_camera: Callable[[str], bool] = lambda _: False,
) -> BagTopics:
    """Return the topics of the bag to read.

    Given topics must exist. Each kind of data in ``needs`` must exist, points on exactly one topic. Poses may be on
    an Odometry topic or on /tf. If ``needs`` is empty, everything in the bag is read, otherwise only what is in
    ``needs`` or given. All image topics that have a camera_info are read; raw images are preferred to compressed ones.

    Args:
        bag: the bag.
        wanted: given topics.
        needs: required data.
        has_camera: returns whether the calibration of an image topic is known from elsewhere.

    Raises:
        DatasetError: a topic is missing, has another type, or is not unique.
    """
    images = tuple(_checked(bag, topic, IMAGE_TYPES, "images") for topic in wanted.images)
    given = tuple(_checked(bag, topic, CAMERA_INFO_TYPES, "camera_info") for topic in wanted.camera_infos)
    if given and len(given) != len(images):
        raise DatasetError(
            f"{bag.path}: {len(given)} camera_info topics for {len(images)} image topics: give one for each image topic"
        )
    if not images and (not needs or "images" in needs):
        images = _image_topics(bag, has_camera, is_needed="images" in needs)
    infos = given or tuple(_info_topic(bag, topic) for topic in images)
    for image, info in zip(images, infos, strict=True):
        if not info and not has_camera(image):
            raise DatasetError(f"{bag.path}: {_no_camera_info(bag, image)}")
    has_tf_odometry = bag.topics.get(wanted.odometry or "") in TF_TYPES
    return BagTopics(
        points=_choose(bag, wanted.points, POINT_TYPES, "points", needs),
        more_points=tuple(_checked(bag, topic, POINT_TYPES, "points") for topic in wanted.more_points),
        odometry=None if has_tf_odometry else _choose(bag, wanted.odometry, ODOMETRY_TYPES, "odometry", needs),
        images=images,
        camera_infos=infos,
        tf=tf_topic(bag, wanted.odometry if has_tf_odometry else wanted.tf, "/tf"),
        tf_static=tf_topic(bag, wanted.tf_static, "/tf_static"),
    )


def camera_info_topic(image_topic: str) -> str:
    """Return the camera_info topic of an image topic, which is in the same namespace as in image_transport."""
    return image_topic.removesuffix("/compressed").rpartition("/")[0] + "/camera_info"


def topics_of(bag: BagFile, types: Collection[str]) -> list[str]:
    """Return the topics of these types."""
    return [topic for topic, msgtype in bag.topics.items() if msgtype in types]


def _choose(
    bag: BagFile, name: str | None, types: tuple[str, ...], kind: DataKind, needs: Collection[DataKind]
) -> str | None:
    if name is not None:
        return _checked(bag, name, types if kind != "odometry" else (*types, *POSE_TYPES), kind)
    if needs and kind not in needs:
        return None
    candidates = topics_of(bag, types)
    if len(candidates) > 1:
        raise DatasetError(f"{bag.path}: has several topics for {kind}: choose one of {', '.join(candidates)}")
    if not candidates and kind in needs and not (kind == "odometry" and topics_of(bag, TF_TYPES)):
        raise DatasetError(f"{bag.path}: {describe_missing(bag, types, kind)}")
    return candidates[0] if candidates else None


def _checked(bag: BagFile, name: str, types: tuple[str, ...], kind: str) -> str:
    if name not in bag.topics:
        near = get_close_matches(name, topics_of(bag, types) or list(bag.topics), 1, 0.6)
        hint = f"did you mean {near[0]}? It has" if near else "choose one of its topics:"
        raise DatasetError(f"{bag.path}: has no topic {name} for {kind}: {hint} {bag.describe()}")
    if bag.topics[name] not in types:
        raise DatasetError(
            f"{bag.path}: topic {name} for {kind} is a {bag.topics[name]}, not {' or '.join(types)}: "
            f"choose another of its topics: {bag.describe()}"
        )
    return name


def tf_topic(bag: BagFile, name: str | None, usual: str) -> str | None:
    """Return the given topic, the usual one, or the only one with this name in a namespace."""
    if name is not None:
        return _checked(bag, name, TF_TYPES, usual.strip("/"))
    if bag.topics.get(usual) in TF_TYPES:
        return usual
    similar = [topic for topic in topics_of(bag, TF_TYPES) if topic.endswith(usual)]
    if len(similar) == 1:
        warn_once(f"{bag.path}: has no {usual}: {similar[0]} is used")
        return similar[0]
    return None


def _info_topic(bag: BagFile, image_topic: str) -> str:
    """Return camera_info in the namespace of the images, or the only CameraInfo there with another name, or ''."""
    usual = camera_info_topic(image_topic)
    if bag.topics.get(usual) in CAMERA_INFO_TYPES:
        return usual
    namespace = usual.removesuffix("camera_info")
    similar = [t for t in topics_of(bag, CAMERA_INFO_TYPES) if t.rpartition("/")[0] + "/" == namespace]
    if len(similar) == 1:
        warn_once(f"{bag.path}: has no {usual}: {similar[0]} is used for {image_topic}")
        return similar[0]
    return ""


def _image_topics(bag: BagFile, has_camera: Callable[[str], bool], *, is_needed: bool) -> tuple[str, ...]:
    """Return the image topics that have a calibration."""
    candidates = [topic for topic in topics_of(bag, IMAGE_TYPES) if not topic.endswith("/compressedDepth")]
    if is_needed and not candidates:
        raise DatasetError(f"{bag.path}: {describe_missing(bag, IMAGE_TYPES, 'images')}")
    known = [topic for topic in candidates if has_camera(topic) or _info_topic(bag, topic)]
    if is_needed and not known:
        raise DatasetError(f"{bag.path}: {_no_camera_info(bag, candidates[0])}")
    raw = {topic for topic in known if not topic.endswith("/compressed")}
    return tuple(topic for topic in known if topic in raw or topic.removesuffix("/compressed") not in raw)


def _no_camera_info(bag: BagFile, image_topic: str) -> str:
    others = ", ".join(topics_of(bag, CAMERA_INFO_TYPES))
    remedy = f"choose one with --camera-info-topic: {others}" if others else "give --calibration with a file or a bag"
    return f"has no CameraInfo for {image_topic}, expected {camera_info_topic(image_topic)}: {remedy}"


def describe_missing(bag: BagFile, types: tuple[str, ...], kind: DataKind) -> str:
    """Return a sentence: the bag has no topic of these types, and which other topics could serve."""
    names = " or ".join(name.replace("/msg/", "/") for name in types)
    sentence = f"has no topic of type {names} for {kind}"
    if kind == "odometry" and (poses := topics_of(bag, POSE_TYPES)):
        return f"{sentence}: choose a topic of poses with --odometry-topic: {', '.join(poses)}"
    if kind == "images" and (videos := topics_of(bag, VIDEO_TYPES)):
        return f"{sentence}: {', '.join(videos)} is video: decode it to images first"
    return f"{sentence}: give another recording (topics: {bag.describe()})"
