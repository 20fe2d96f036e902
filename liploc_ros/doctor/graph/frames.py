# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Checks of the frames: mounts of the sensors, the tree of transforms, and the cameras at their mounts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from liploc_ros.datasets.bag.topics import camera_info_topic
from liploc_ros.datasets.camera_info import camera_doubts, is_rectified, mounted_camera_from_info
from liploc_ros.datasets.drive import DatasetError
from liploc_ros.datasets.image_message import image_from_message
from liploc_ros.datasets.mounts import parse_mount
from liploc_ros.datasets.pose_message import base_frame_of, frame_name
from liploc_ros.doctor.examination import Examination
from liploc_ros.doctor.finding import Finding, error, of_error, ok, warn
from liploc_ros.doctor.graph.snapshot import GraphSnapshot, NodeRecord, TopicRecord
from liploc_ros.doctor.map_and_camera.camera import view_coverage
from liploc_ros.encoders import ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import Pose, PoseError
from liploc_ros.mapping import Manifest


class FrameError(LiplocError):
    """The pose of a frame is not known."""


def check_frames(graph: GraphSnapshot) -> Iterable[Finding]:
    """Check that all sensors have a frame, and that it is connected to the base frame."""
    for child, parents in graph.transforms.parents.items():
        if len(parents) > 1:
            yield error(
                f"frame {child!r} has several parents: {', '.join(sorted(map(repr, parents)))}",
                "stop all but one publisher of its transform: a frame has one parent (REP-105)",
            )
    for topic in (*graph.of_kind("images"), *graph.of_kind("scans")):
        yield from _frames_of(topic)
        for node in _users(graph, topic):
            for frame in filter(None, topic.frames):
                yield _mount(graph, node, topic, frame)
    for topic in graph.of_kind("odometry"):
        for node in _users(graph, topic):
            yield from _odometry(graph, node, topic)


def check_graph_cameras(examination: Examination) -> Iterable[Finding]:
    """Check the CameraInfo of each image topic against its images, and what the camera sees at its mount."""
    graph, bundle = examination.graph, examination.bundle
    if graph is None or isinstance(graph, LiplocError):
        return
    for topic in graph.of_kind("images"):
        if topic.last is None:
            continue
        info = _info_of(graph, topic)
        if info is None:
            yield error(
                f"{topic.name}: no CameraInfo on {camera_info_topic(topic.name)}",
                "start its publisher, or set the parameter camera_info_topics",
            )
            continue
        try:
            yield from _camera(topic, info, graph, examination, bundle if isinstance(bundle, ModelBundle) else None)
        except LiplocError as failure:
            yield of_error(failure)


def _camera(
    topic: TopicRecord,
    info: TopicRecord,
    graph: GraphSnapshot,
    examination: Examination,
    bundle: ModelBundle | None,
) -> Iterable[Finding]:
    rectified = is_rectified(topic.name)
    for doubt in camera_doubts(info.last, rectified=rectified):
        yield warn(f"{info.name}: {doubt}", "calibrate at the size of the images")
    frame = next(filter(None, topic.frames), "")
    if info.frames and frame and frame_name(info.frames[0]) != frame_name(frame):
        yield warn(
            f"{info.name} has the frame {info.frames[0]!r}, {topic.name} has {frame!r}: that of the images is used",
            "give both the optical frame in the driver",
        )
    T_base_camera = _pose_in_base(graph, _users(graph, topic), frame, _base_of(examination))
    unknown = T_base_camera is None
    camera = mounted_camera_from_info(
        info.last, frame, np.eye(4) if T_base_camera is None else T_base_camera, info.name, rectified=rectified
    )
    height, width = image_from_message(topic.last, topic.name).shape[:2]
    if (width, height) != (camera.camera.width, camera.camera.height):
        yield error(
            f"{topic.name}: images of {width} x {height} pixels, but {info.name} is for {camera.camera.width} x "
            f"{camera.camera.height}",
            "send the CameraInfo of this image size",
        )
    elif unknown or bundle is None:
        yield ok(f"{topic.name}: {width} x {height} pixels as {info.name}; mount not known, view not checked")
    else:
        yield view_coverage(topic.name, camera, bundle)


def _frames_of(topic: TopicRecord) -> Iterable[Finding]:
    if topic.messages and "" in topic.frames:
        yield error(f"{topic.name}: messages have no frame_id", "set it in the driver to the frame of the sensor")
    if len(topic.frames) > 1:
        names = ", ".join(map(repr, topic.frames))
        yield warn(f"{topic.name}: messages have several frames: {names}", "give each sensor its own topic")


def _mount(graph: GraphSnapshot, node: NodeRecord, topic: TopicRecord, frame: str) -> Finding:
    base = node.base_frame or _odometry_child(graph, node)
    if not base:
        return warn(
            f"{topic.name}: base frame of {node.name} is not known, mount not checked", "see the log of the node"
        )
    try:
        x, y, z = mount_of(graph, node.parameters, base, frame)[:3, 3]
    except LiplocError as failure:
        return of_error(failure)
    return ok(f"{topic.name}: frame {frame!r} is at {x:.2f}, {y:.2f}, {z:.2f} m in {base!r} of {node.name}")


def mount_of(graph: GraphSnapshot, parameters: Mapping[str, Any], base: str, frame: str) -> Pose:
    """Return the pose of a sensor in the base frame as a node of these parameters finds it.

    Raises:
        FrameError: neither sensor_mounts nor a transform gives it.
    """
    entries = [entry for entry in parameters.get("sensor_mounts") or () if entry]
    try:
        given = dict(parse_mount(entry) for entry in entries)
    except PoseError as failure:
        raise FrameError(f"parameter sensor_mounts: {failure}: write 'FRAME x y z qx qy qz qw'") from failure
    if frame_name(frame) in given:
        return given[frame_name(frame)]
    try:
        return graph.transforms.transforms.lookup(base, frame)
    except DatasetError as failure:
        known = ", ".join(graph.transforms.transforms.frames) or "none"
        why = f"known frames: {known}" if graph.transforms.can_receive else "tf2_msgs is not installed"
        raise FrameError(
            f"pose of {frame!r} in {base!r} is not known ({why}; sensor_mounts has {', '.join(given) or 'none'}): "
            f"publish it on /tf_static, or set sensor_mounts to ['{frame} x y z qx qy qz qw']"
        ) from failure


def _odometry(graph: GraphSnapshot, node: NodeRecord, topic: TopicRecord) -> Iterable[Finding]:
    if topic.last is None:
        return
    frame = frame_name(topic.last.header.frame_id)
    child = frame_name(getattr(topic.last, "child_frame_id", "") or "")
    if not frame:
        yield warn(f"{topic.name}: header.frame_id is empty", "set it to the odometry frame, such as odom (REP-105)")
    base = frame_name(node.base_frame)
    if base and base_frame_of(child, base) != base:
        try:
            mount_of(graph, node.parameters, base, child)
        except FrameError:
            yield error(
                f"{topic.name}: is of the frame {child!r}, the map of {node.name} is of {base!r}, and nothing connects "
                "the two",
                f"publish a fixed transform between them, or set sensor_mounts to ['{child} x y z qx qy qz qw']",
            )
            return
    yield ok(f"{topic.name}: {(child or base or 'base_link')!r} in {frame!r}")


def _odometry_child(graph: GraphSnapshot, node: NodeRecord) -> str:
    """Return the base frame of a map builder, which is that of its first odometry."""
    for topic in graph.of_kind("odometry"):
        if node.name in topic.wanted_by and topic.last is not None:
            return base_frame_of(getattr(topic.last, "child_frame_id", None))
    return ""


def _users(graph: GraphSnapshot, topic: TopicRecord) -> list[NodeRecord]:
    return [node for node in graph.nodes if node.name in topic.wanted_by]


def _info_of(graph: GraphSnapshot, topic: TopicRecord) -> TopicRecord | None:
    """Return the CameraInfo of an image topic: by name, or that which the parameter names."""
    names = [camera_info_topic(topic.name)]
    for node in _users(graph, topic):
        infos, images = node.parameters.get("camera_info_topics") or (), node.parameters.get("image_topics") or ()
        names += [i for t, i in zip(images, infos, strict=False) if i and topic.name in (t, f"{t}/compressed")]
    found = [graph.topics[name] for name in reversed(names) if name in graph.topics]
    return next((info for info in found if info.last is not None), None)


def _base_of(examination: Examination) -> str:
    return examination.manifest.base_frame if isinstance(examination.manifest, Manifest) else ""


def _pose_in_base(graph: GraphSnapshot, users: list[NodeRecord], frame: str, base: str) -> Pose | None:
    for node in users or [NodeRecord("", "localizer", True, {}, base)]:
        try:
            return mount_of(graph, node.parameters, node.base_frame or base or "base_link", frame)
        except LiplocError:
            continue
    return None
