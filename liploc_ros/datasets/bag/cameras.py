# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The cameras of the images in a bag."""

from liploc_ros.datasets.bag.calibration import Calibration
from liploc_ros.datasets.bag.index import BagIndex
from liploc_ros.datasets.bag.poses import BagPoses
from liploc_ros.datasets.camera_info import is_rectified, mounted_camera_from_info
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.left_out import warn_once
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import CameraError, MountedCamera


def mounted_cameras(
    index: BagIndex, calibration: Calibration, poses: BagPoses, *, is_named: bool
) -> dict[str, MountedCamera]:
    """Return the cameras by image topic.

    Topics that were found by their type are skipped with a warning if they are not of a usable camera, as long as there
    is another one.

    Args:
        index: of the bag.
        calibration: that is not in the bag.
        poses: with the mounts of the cameras.
        is_named: the user has chosen the image topics, so each must be usable.

    Raises:
        LiplocError: a named topic, or every topic, has no usable camera; or several topics have the same frame.
    """
    cameras: dict[str, MountedCamera] = {}
    errors: dict[str, LiplocError] = {}
    for topic, images in index.images.items():
        if not images.messages:
            continue
        try:
            cameras[topic] = _mounted_camera(index, calibration, poses, topic)
        except LiplocError as error:
            if is_named:
                raise
            errors[topic] = error
    if errors and not cameras:
        raise next(iter(errors.values()))
    for topic, reason in errors.items():
        warn_once(f"{reason} ({topic} is skipped)")
    frames = [camera.frame_id for camera in cameras.values()]
    for frame_id in frames:
        if frames.count(frame_id) > 1:
            raise DatasetError(
                f"{index.bag.path}: several image topics have the frame {frame_id!r}: choose one of "
                f"{', '.join(cameras)} (--image-topic)"
            )
    return cameras


def _mounted_camera(index: BagIndex, calibration: Calibration, poses: BagPoses, topic: str) -> MountedCamera:
    path, images = index.bag.path, index.images[topic]
    if images.refused:
        raise DatasetError(f"{path}: {topic}: {images.refused}, or choose another with --image-topic")
    frame_id = images.frame_id or topic.strip("/")
    camera = calibration.camera_of(topic)
    if camera is not None:
        return MountedCamera(frame_id, camera, poses.mount_of(index, topic, images.frame_id))
    info_topic = index.topics.info_of(topic)
    info = calibration.camera_infos.get(info_topic, index.camera_infos.get(info_topic))
    if info is None:
        reason = index.left_out.reason(info_topic)
        if reason:
            raise CameraError(f"{path}: {reason}")
        raise DatasetError(f"{path}: no message on {info_topic}: give --calibration with a file or a bag")
    T_base_camera = poses.mount_of(index, topic, images.frame_id)
    source = f"{path}: {info_topic}"
    return mounted_camera_from_info(info, frame_id, T_base_camera, source, rectified=is_rectified(topic))
