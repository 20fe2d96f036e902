# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The report of an evaluation: figures, HTML pages and their templates."""
