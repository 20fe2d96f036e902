# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Training of the encoders. This is the only package that needs torch: ``pip install liploc_ros[train]``."""
