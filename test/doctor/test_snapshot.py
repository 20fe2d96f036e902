# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The doctor's checks of a snapshot of the ROS graph, for faults that take a ROS 2 installation or another computer."""

from dataclasses import replace

import pytest

from liploc_ros.datasets.transforms import StaticTransforms
from liploc_ros.doctor.finding import Level
from liploc_ros.doctor.graph.checks import (
    check_diagnostics,
    check_nodes,
    check_qos,
    check_ros_clock,
    check_shared_memory,
    check_stamps,
    check_topics,
)
from liploc_ros.doctor.graph.frames import FrameError, check_frames, mount_of
from liploc_ros.doctor.graph.snapshot import (
    ClockRecord,
    DiagnosticRecord,
    GraphSnapshot,
    NodeRecord,
    PublisherRecord,
    TopicRecord,
    TransformRecord,
)
from liploc_ros.geometry import pose_from_yaw

OK, WARN, ERROR = Level.OK, Level.WARN, Level.ERROR
NODE = NodeRecord("/localizer", "localizer", True, {"use_sim_time": False}, "base_link", "/maps/street")
IMAGE = TopicRecord(
    "/camera/image_raw",
    "images",
    ("sensor_msgs/msg/Image",),
    ("/localizer",),
    (PublisherRecord("camera", 549_408),),
    messages=50,
    rate=10.0,
    age=0.02,
    frames=("camera_optical",),
    max_bytes=1_397_250,
)


def graph(*topics, nodes=(NODE,), **changes):
    return GraphSnapshot(5.0, nodes, {topic.name: topic for topic in topics}, **changes)


def levels(check, snapshot):
    found = list(check(snapshot))
    assert all(finding.remedy for finding in found if finding.level is not OK)
    return [finding.level for finding in found]


def test_images_that_are_larger_than_the_segment_of_their_publisher_are_a_warning():
    (finding,) = check_shared_memory(graph(IMAGE))
    assert finding.level is WARN and "messages of 1.4 MB, segment of 0.5 MB" in finding.message
    large = replace(IMAGE, publishers=(PublisherRecord("camera", 35_000_000),))
    assert levels(check_shared_memory, graph(large)) == [OK]
    assert levels(check_shared_memory, graph(replace(IMAGE, publishers=(PublisherRecord("camera"),)))) == []


def test_lost_messages_and_several_types_are_found():
    assert levels(check_topics, graph(IMAGE)) == [OK]
    assert levels(check_topics, graph(replace(IMAGE, loss="20 % never arrived: use another profile"))) == [WARN, OK]
    assert levels(check_topics, graph(replace(IMAGE, types=(*IMAGE.types, "std_msgs/msg/String")))) == [ERROR, OK]
    assert levels(check_topics, graph(replace(IMAGE, fault="cut off: fix its publisher"))) == [ERROR, OK]
    assert levels(check_topics, graph(replace(IMAGE, messages=1, rate=0.0))) == [WARN]


def test_a_similar_topic_is_named_with_the_remedy():
    silent = replace(IMAGE, messages=0, silence="/a has no publisher; topics of type sensor_msgs/Image: /b")
    (finding,) = check_topics(graph(silent))
    assert (finding.level, finding.message) == (ERROR, silent.silence)
    assert levels(check_topics, graph(replace(silent, wanted_by=()))) == [WARN]


def test_images_that_arrive_late_are_a_warning():
    assert levels(check_stamps, graph(replace(IMAGE, age=0.9))) == [WARN]
    assert levels(check_qos, graph(IMAGE)) == [OK]


@pytest.mark.parametrize(
    ("simulated", "clock", "level"),
    [
        (False, ClockRecord(), OK),
        (False, ClockRecord(("player",), 50, 1.2), WARN),
        (True, ClockRecord(), ERROR),
        (True, ClockRecord(("player",)), ERROR),
        (True, ClockRecord(("player",), 50, 0.0), WARN),
        (True, ClockRecord(("player", "gazebo"), 50, 1.2), WARN),
        (True, ClockRecord(("player",), 50, 1.2), OK),
    ],
)
def test_the_clock_must_be_that_of_the_nodes(simulated, clock, level):
    node = replace(NODE, parameters={"use_sim_time": simulated})
    assert max(levels(check_ros_clock, graph(nodes=(node,), clock=clock))) is level


def test_a_frame_with_two_parents_is_an_error():
    parents = {"camera_optical": frozenset(("base_link", "roof"))}
    transforms = StaticTransforms()
    transforms.add("base_link", "camera_optical", pose_from_yaw(1, 0, 1, 0))
    record = TransformRecord(True, transforms, parents)
    assert levels(check_frames, graph(IMAGE, transforms=record)) == [ERROR, OK]


def test_a_frame_that_is_not_connected_is_an_error_that_names_the_known_ones():
    transforms = StaticTransforms()
    transforms.add("roof", "camera_optical", pose_from_yaw(1, 0, 1, 0))
    snapshot = graph(IMAGE, transforms=TransformRecord(True, transforms))
    with pytest.raises(FrameError, match="known frames: camera_optical, roof"):
        mount_of(snapshot, {}, "base_link", "camera_optical")
    assert levels(check_frames, snapshot) == [ERROR]


def test_the_levels_of_diagnostics_are_kept_and_the_error_of_a_mount_is_told():
    statuses = [
        DiagnosticRecord("localizer: camera /a", 0, "images arrive", {"tilt [deg]": "pitch 0.4, roll 0.0 (12 images)"}),
        DiagnosticRecord("localizer: map", 1, "load_map failed", {}),
        DiagnosticRecord("localizer: odometry", 2, "no odometry: start it", {}),
        DiagnosticRecord("localizer: odometry", 3, "stale", {}),
    ]
    snapshot = graph(diagnostics=tuple(statuses))
    assert levels(check_diagnostics, snapshot) == [OK, WARN, ERROR, ERROR]
    assert "error of the mount: pitch 0.4" in next(iter(check_diagnostics(snapshot))).message


def test_nodes_that_do_not_respond_or_are_not_active_are_found():
    from types import SimpleNamespace

    of = lambda node: SimpleNamespace(graph=graph(nodes=(node,)), has_ros=True)  # noqa: E731
    assert levels(check_nodes, of(NODE)) == [OK]
    assert levels(check_nodes, of(replace(NODE, parameters={}))) == [ERROR]
    assert levels(check_nodes, of(replace(NODE, map_path=""))) == [WARN]
