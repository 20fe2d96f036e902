# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Shared by all nodes: parameters, diagnostics, QoS profiles, conversions, ROS libraries, process, life cycle."""
