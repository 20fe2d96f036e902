# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The documentation site: pages that are generated from the code, and the check of the built site."""
