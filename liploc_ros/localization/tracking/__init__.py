# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tracking over time: a Gaussian-mixture filter over SE(2), fed by images and odometry."""
