# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""End with one line if there is no NVIDIA driver, before anything is installed for it."""

import ctypes
import sys

if __name__ == "__main__":
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        sys.exit(
            "gpu-check: no NVIDIA driver (libcuda.so.1): install it, or use ARGS=--cpu for the parts that need no GPU"
        )
