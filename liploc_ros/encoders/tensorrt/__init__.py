# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Encoders as TensorRT engines: how engines are built, cached and run."""
