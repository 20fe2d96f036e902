# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Checks of the running nodes and their inputs.

Only ``listening`` imports ROS. It makes a snapshot, which the checks look at.
"""
