# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tiles: pieces of a map along the path, each a folder that is complete in itself."""
