# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training and evaluation with each of three KITTI drives held out: the commands behind docs/benchmarks.md."""
