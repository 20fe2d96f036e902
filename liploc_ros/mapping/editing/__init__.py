# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Maps made of other maps: merged, cropped, or written in the newest format."""
