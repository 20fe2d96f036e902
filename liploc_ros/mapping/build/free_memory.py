# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Memory that is free is given back to the system."""

import ctypes
from functools import lru_cache
from typing import Any


def return_free_memory() -> None:
    """Give the memory that was freed back to the system.

    glibc keeps freed arrays of some megabytes for later ones. Between them lie small objects, so that a process that
    reads scan after scan grows by about 40 MB per kilometre without using them. Other C libraries do not need this.
    """
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


@lru_cache(1)
def _libc() -> Any:
    """Return the C library if it has malloc_trim."""
    try:
        libc = ctypes.CDLL(None)
    except (OSError, TypeError):
        return None
    return libc if hasattr(libc, "malloc_trim") else None
