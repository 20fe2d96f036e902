# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``make gpu-check``: everything that runs on a GPU, compared with the CPU and timed."""
