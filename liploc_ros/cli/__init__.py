# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The ``liploc`` command: one file per verb.

A verb's file declares its options and imports what it needs inside the verb, so that ``liploc --help`` starts quickly.
"""
