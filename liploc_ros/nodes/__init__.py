# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The ROS 2 nodes: localizer, map builder and bag player. Only they and the demo import rclpy and ROS messages."""
