# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Reading and writing of rosbag2 recordings."""
