# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The method of LIP-Loc (arXiv 2312.16648): one embedding per camera image, and one per range image."""
