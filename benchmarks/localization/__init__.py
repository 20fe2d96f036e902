# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Localization on drives that the model never saw: single images, tracking, false accepts and times."""
