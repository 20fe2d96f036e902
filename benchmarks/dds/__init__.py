# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The localizer on images over DDS; publishers and localizer run in different processes."""
