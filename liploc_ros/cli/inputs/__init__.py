# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What verbs read: images to localize, and confidence samples."""
