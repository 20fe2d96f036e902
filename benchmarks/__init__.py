# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Timings: medians, and ratios to a reference algorithm that is timed in the same run."""
