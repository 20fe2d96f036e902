# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Conditions of an evaluation: the pass that the map is drawn from, and the camera that takes the images."""
