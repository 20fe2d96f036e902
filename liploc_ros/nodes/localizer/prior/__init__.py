# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Where the vehicle probably is before its pose is known: from messages, and from the last run."""
