# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The demo: a recorded drive is played over DDS to map builder and localizer, with metrics and a report."""
