# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Inputs of localizer and map builder: silent topics, and odometry from /tf."""
