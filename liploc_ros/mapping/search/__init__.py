# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Search of maps: exhaustive over the places in memory, and coarse over all tiles."""
