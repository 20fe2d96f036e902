# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Makers of KITTI folders, ROS nodes and a GPU for the tests."""
