"""Selection of the topics of a bag."""

from collections.abc import Collection
from typing import Literal

from pydantic import Field

from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.schema import FrozenModel

POINT_TYPES = ("sensor_msgs/msg/PointCloud2",)
ODOMETRY_TYPES = ("nav_msgs/msg/Odometry",)
IMAGE_TYPES = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")
CAMERA_INFO_TYPES = ("sensor_msgs/msg/CameraInfo",)

DataKind = Literal["points", "odometry", "images"]
"""A kind of data in a bag."""


class BagTopics(FrozenModel):
    """Topics to read. Topics that are not given are found by their types."""

    points: str | None = Field(None, description="sensor_msgs/PointCloud2 of the LiDAR")
    odometry: str | None = Field(None, description="nav_msgs/Odometry of the vehicle")
    images: tuple[str, ...] = Field(
        (), description="sensor_msgs/Image or CompressedImage, each with a camera_info in its namespace"
    )
    tf_static: str = Field("/tf_static", description="tf2_msgs/TFMessage with the poses of the sensors")


def choose_topics(bag: BagFile, wanted: BagTopics, needs: Collection[DataKind]) -> BagTopics:
    """Return the topics of the bag to read.

    Given topics must exist. Each kind of data in ``needs`` must exist; points and odometry on exactly one topic. If
    ``needs`` is empty, everything in the bag is read, otherwise only what is in ``needs`` or given. All image topics
    that have a camera_info are read; raw images are preferred to compressed ones.

    Raises:
        DatasetError: a topic is missing, has another type, or is not unique.
    """
    images = tuple(_checked(bag, topic, IMAGE_TYPES, "images") for topic in wanted.images)
    if not images and (not needs or "images" in needs):
        images = _image_topics(bag, is_needed="images" in needs)
    for topic in images:
        _checked(bag, camera_info_topic(topic), CAMERA_INFO_TYPES, "camera_info")
    return BagTopics(
        points=_choose(bag, wanted.points, POINT_TYPES, "points", needs),
        odometry=_choose(bag, wanted.odometry, ODOMETRY_TYPES, "odometry", needs),
        images=images,
        tf_static=wanted.tf_static,
    )


def camera_info_topic(image_topic: str) -> str:
    """Return the camera_info topic of an image topic, which is in the same namespace as in image_transport."""
    return image_topic.removesuffix("/compressed").rpartition("/")[0] + "/camera_info"


def _choose(
    bag: BagFile, name: str | None, types: tuple[str, ...], kind: DataKind, needs: Collection[DataKind]
) -> str | None:
    if name is not None:
        return _checked(bag, name, types, kind)
    if needs and kind not in needs:
        return None
    candidates = [topic for topic, msgtype in bag.topics.items() if msgtype in types]
    if len(candidates) > 1:
        raise DatasetError(f"{bag.path}: has several topics for {kind}: choose one of {', '.join(candidates)}")
    if not candidates and kind in needs:
        raise DatasetError(f"{bag.path}: {_missing(types, kind)} (topics: {bag.describe()})")
    return candidates[0] if candidates else None


def _checked(bag: BagFile, name: str, types: tuple[str, ...], kind: str) -> str:
    if name not in bag.topics:
        raise DatasetError(f"{bag.path}: has no topic {name} for {kind}: choose one of its topics: {bag.describe()}")
    if bag.topics[name] not in types:
        raise DatasetError(
            f"{bag.path}: topic {name} for {kind} is a {bag.topics[name]}, not {' or '.join(types)}: "
            f"choose another of its topics: {bag.describe()}"
        )
    return name


def _image_topics(bag: BagFile, *, is_needed: bool) -> tuple[str, ...]:
    candidates = [topic for topic, msgtype in bag.topics.items() if msgtype in IMAGE_TYPES]
    calibrated = [topic for topic in candidates if bag.topics.get(camera_info_topic(topic)) in CAMERA_INFO_TYPES]
    if is_needed and not candidates:
        raise DatasetError(f"{bag.path}: {_missing(IMAGE_TYPES, 'images')} (topics: {bag.describe()})")
    if is_needed and not calibrated:
        raise DatasetError(
            f"{bag.path}: no CameraInfo for {candidates[0]}: record {camera_info_topic(candidates[0])} too "
            f"(topics: {bag.describe()})"
        )
    raw = {topic for topic in calibrated if not topic.endswith("/compressed")}
    return tuple(topic for topic in calibrated if topic in raw or topic.removesuffix("/compressed") not in raw)


def _missing(types: tuple[str, ...], kind: str) -> str:
    names = " or ".join(name.replace("/msg/", "/") for name in types)
    return f"has no topic of type {names} for {kind}: record one"
