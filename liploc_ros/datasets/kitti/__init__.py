# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Readers of KITTI raw, KITTI odometry, KITTI object and KITTI-360, and conversion to bags."""
