# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Arrays in files of a map."""

from pathlib import Path
from tokenize import TokenError
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from liploc_ros.files import reason_of
from liploc_ros.mapping.tile_manifest import MapError

# NumPy parses the header of a file as Python, and has no error of its own for what it cannot parse.
UNREADABLE = (OSError, ValueError, EOFError, SyntaxError, TokenError, OverflowError, MemoryError, TypeError)
REMEDY = "copy or build the map again"


def load_array(path: Path, mmap_mode: Literal["r"] | None = "r") -> NDArray[Any]:
    """Return the array in a file, memory-mapped unless ``mmap_mode`` is None.

    Raises:
        MapError: the file is missing or damaged.
    """
    try:
        array = np.load(path, mmap_mode=mmap_mode, allow_pickle=False)
    except UNREADABLE as error:
        raise MapError(f"{path}: {reason_of(error)}: {REMEDY}") from error
    return np.asarray(array)  # as memory-mapped as before, but selecting from a numpy.memmap takes three times as long
