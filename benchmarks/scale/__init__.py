# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Search of large maps: maps of 0.2 to 10,000 km, of real features that are varied as real ones are."""
