# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""All checks, in the order of the report."""

from liploc_ros.doctor.finding import Check
from liploc_ros.doctor.graph.checks import (
    check_diagnostics,
    check_nodes,
    check_qos,
    check_ros_clock,
    check_shared_memory,
    check_stamps,
    check_topics,
    in_graph,
)
from liploc_ros.doctor.graph.frames import check_frames, check_graph_cameras
from liploc_ros.doctor.installation.clock import check_clock
from liploc_ros.doctor.installation.dds import check_dds
from liploc_ros.doctor.installation.gpu import check_engines, check_gpu
from liploc_ros.doctor.installation.model import check_model_bundle
from liploc_ros.doctor.installation.packages import check_packages
from liploc_ros.doctor.installation.ros import check_ros
from liploc_ros.doctor.map_and_camera.camera import check_cameras
from liploc_ros.doctor.map_and_camera.lidar_map import (
    check_manifest,
    check_model_of_map,
    check_poses_of_map,
    check_tiles,
)

CHECKS = (
    Check("installation", "packages", check_packages),
    Check("installation", "ROS 2", check_ros),
    Check("installation", "DDS", check_dds),
    Check("installation", "GPU", check_gpu),
    Check("installation", "TensorRT engines", check_engines),
    Check("installation", "model", check_model_bundle),
    Check("clock", "computer", check_clock),
    Check("map", "manifest", check_manifest),
    Check("map", "model", check_model_of_map),
    Check("map", "tiles", check_tiles),
    Check("map", "poses", check_poses_of_map),
    Check("camera", "file", check_cameras),
    Check("ROS graph", "nodes", check_nodes),
    Check("ROS graph", "clock", in_graph(check_ros_clock)),
    Check("ROS graph", "topics", in_graph(check_topics)),
    Check("ROS graph", "quality of service", in_graph(check_qos)),
    Check("ROS graph", "shared memory", in_graph(check_shared_memory)),
    Check("ROS graph", "stamps", in_graph(check_stamps)),
    Check("ROS graph", "frames", in_graph(check_frames)),
    Check("ROS graph", "cameras", check_graph_cameras),
    Check("ROS graph", "diagnostics", in_graph(check_diagnostics)),
)
