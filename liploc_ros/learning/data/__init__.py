# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""From drives to batches: the frames that can be read, their poses, and the batch of each step."""
