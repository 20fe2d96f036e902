# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The nodes of this package in the ROS graph, and the topics that they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from rcl_interfaces.srv import GetParameters
from rclpy.node import Node
from rclpy.parameter import parameter_value_to_python

from liploc_ros.client import ClientError, Connection
from liploc_ros.datasets.bag.topics import POSE_TYPES, camera_info_topic
from liploc_ros.doctor.graph.snapshot import KINDS, InputKind, NodeKind

SERVICES: Mapping[str, NodeKind] = {"liploc_ros/srv/Localize": "localizer", "liploc_ros/srv/SaveMap": "map_builder"}
LIFECYCLE = "lifecycle_msgs/srv/ChangeState"
PARAMETERS: Mapping[NodeKind, tuple[str, ...]] = {
    "localizer": (
        "use_sim_time",
        "image_topics",
        "camera_info_topics",
        "odometry_topic",
        "odometry_frame",
        "sensor_mounts",
        "max_image_age",
    ),
    "map_builder": (
        "use_sim_time",
        "points_topic",
        "odometry_topic",
        "odometry_frame",
        "sensor_mounts",
        "base_frame",
    ),
}
TIMEOUT = 5.0  # s
NOT_SENSORS = ("/initialpose", "/compressedDepth")


class FoundNode(NamedTuple):
    """A node of this package; parameters are empty if it does not respond."""

    name: str
    kind: NodeKind
    is_configured: bool
    parameters: Mapping[str, Any]


class WantedTopic(NamedTuple):
    """A topic to listen to, and the nodes that need it."""

    name: str
    kind: InputKind
    wanted_by: tuple[str, ...]


def has_nodes(node: Node) -> bool:
    """Return whether a node of this package is known by now; one that is not configured has no service yet."""
    names = {full_name(*pair) for pair in node.get_node_names_and_namespaces()}
    return any(
        name.rpartition("/")[0] in names and (set(types) & SERVICES.keys() or LIFECYCLE in types)
        for name, types in node.get_service_names_and_types()
    )


def find_nodes(connection: Connection) -> list[FoundNode]:
    """Return the localizers and map builders that run, with their parameters."""
    names = {full_name(name, namespace) for name, namespace in connection.node.get_node_names_and_namespaces()}
    services = connection.node.get_service_names_and_types()
    kinds = {
        name.rpartition("/")[0]: kind
        for name, types in services
        for type_name, kind in SERVICES.items()
        if type_name in types
    }
    found = [
        FoundNode(name, kind, True, _parameters(connection, name, PARAMETERS[kind]))
        for name, kind in kinds.items()
        if name in names
    ]
    for service, types in services:  # a localizer has its services once it is configured
        name = service.rpartition("/")[0]
        if LIFECYCLE in types and name in names and name not in kinds:
            parameters = _parameters(connection, name, PARAMETERS["localizer"])
            if parameters.get("image_topics"):
                found.append(FoundNode(name, "localizer", False, parameters))
    return sorted(found)


def input_topics(node: Node, nodes: Sequence[FoundNode]) -> list[WantedTopic]:
    """Return the topics that the nodes subscribe to or wait for; without nodes all topics that could be inputs."""
    published = dict(node.get_topic_names_and_types())
    wanted: dict[str, tuple[InputKind, list[str]]] = {}
    for found in nodes:
        for topic, kind in _inputs_of(node, found):
            wanted.setdefault(topic, (kind, []))[1].append(found.name)
    if not nodes:
        for topic, types in published.items():
            kinds = [KINDS[name] for name in types if name in KINDS and name not in POSE_TYPES]  # these may be goals
            if kinds and node.count_publishers(topic) and not topic.endswith(NOT_SENSORS):
                wanted[topic] = (kinds[0], [])
    return [WantedTopic(topic, kind, tuple(names)) for topic, (kind, names) in sorted(wanted.items())]


def _inputs_of(node: Node, found: FoundNode) -> list[tuple[str, InputKind]]:
    """Return the inputs of a node: those that it subscribes to, and those that its parameters name.

    A localizer subscribes to images as soon as they are published. A topic may have been remapped; then there is a
    subscription in place of the one that the parameter names.
    """
    name, namespace = split_name(found.name)
    subscribed = [
        (topic, KINDS[types[0]])
        for topic, types in node.get_subscriber_names_and_types_by_node(name, namespace)
        if types[0] in KINDS and not topic.endswith(NOT_SENSORS)
    ]
    named: list[tuple[str, InputKind]] = []
    for parameter, kind in _named_inputs(found.parameters):
        topic = parameter if parameter.startswith("/") else full_name(parameter, namespace)
        if kind != "odometry" or topic.rpartition("/")[2] != "tf":
            named.append((topic, kind))
    for kind in dict.fromkeys(kind for _, kind in named):
        of_kind = [topic for topic, subscribed_kind in subscribed if subscribed_kind == kind]
        missing = [topic for topic, named_kind in named if named_kind == kind]
        missing = [topic for topic in missing if not {topic, f"{topic}/compressed"} & set(of_kind)]
        total = sum(named_kind == kind for _, named_kind in named)
        subscribed += [(topic, kind) for topic in missing[: max(0, total - len(of_kind))]]
    return subscribed


def _named_inputs(parameters: Mapping[str, Any]) -> list[tuple[str, InputKind]]:
    named: list[tuple[str, InputKind]] = [(topic, "images") for topic in parameters.get("image_topics") or ()]
    images = [topic for topic, _ in named]
    infos = [topic for topic in parameters.get("camera_info_topics") or () if topic]
    named += [(topic, "CameraInfo") for topic in infos or map(camera_info_topic, images)]
    if topic := parameters.get("points_topic"):
        named.append((topic, "scans"))
    if topic := parameters.get("odometry_topic"):
        named.append((topic, "odometry"))
    return [(topic, kind) for topic, kind in named if topic]


def _parameters(connection: Connection, name: str, names: tuple[str, ...]) -> dict[str, Any]:
    try:
        response = connection.call(
            GetParameters, name, "get_parameters", GetParameters.Request(names=names), TIMEOUT, TIMEOUT
        )
    except ClientError:
        return {}
    values = [parameter_value_to_python(value) for value in response.values]
    return dict(zip(names, values, strict=False))


def split_name(full_name: str) -> tuple[str, str]:
    """Return the name of a node and its namespace."""
    namespace, _, name = full_name.rpartition("/")
    return name, namespace or "/"


def full_name(name: str, namespace: str) -> str:
    """Return the full name of a node."""
    return f"{namespace.rstrip('/')}/{name}"
