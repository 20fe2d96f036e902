# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Checks of a map against its model, and of cameras against the model's field of view."""
