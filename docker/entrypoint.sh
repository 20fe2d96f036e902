#!/bin/bash
# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

# Sources ROS 2 and the workspace, then runs the command.
set -e
source "/opt/ros/$ROS_DISTRO/setup.bash"
source /workspace/install/setup.bash
exec "$@"
