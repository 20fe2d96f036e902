# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Subscriptions to sensor data: reliability, lost messages and stamps."""
