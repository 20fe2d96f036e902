# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The pictures of README and docs, drawn from the demo recording: `make figures`."""
