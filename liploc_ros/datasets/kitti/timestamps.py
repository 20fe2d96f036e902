# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The ``timestamps.txt`` files of KITTI raw and KITTI-360."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import DatasetError

TIME = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?)?", re.ASCII)
NOT_A_TIME = np.datetime64("NaT").astype(
    np.int64
)  # of an empty line; published files have them where a scan is missing


def read_timestamps(path: Path) -> NDArray[np.int64]:
    """Return the stamps [ns] of a ``timestamps.txt``, one per frame of the original drive.

    KITTI writes local times without a time zone. They are read as UTC, so that stamps are the same on every machine.

    Raises:
        DatasetError: the file is missing, or a line is not a time.
    """
    try:
        lines = path.read_text(encoding="ascii").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: timestamps cannot be read ({error}): unpack the drive again") from error
    stamps = np.empty(len(lines), np.int64)
    for number, line in enumerate(lines):
        try:
            if not TIME.fullmatch(line.strip()):
                raise ValueError(line)
            stamps[number] = np.datetime64(line.strip().replace(" ", "T"), "ns").astype(np.int64)
        except (ValueError, OverflowError) as error:
            shown = repr(line[:200])
            raise DatasetError(f"{path}: line {number + 1} is {shown}, not a time: unpack the drive again") from error
    return stamps


def stamp_of(index: int, stamps: NDArray[np.int64], path: Path) -> int:
    """Return the stamp [ns] of frame ``index``; ``path`` names the file of the timestamps in errors.

    Raises:
        DatasetError: the file is too short, or its line of this frame is empty.
    """
    if index >= len(stamps):
        raise DatasetError(f"{path}: has {len(stamps)} lines but frame {index:010d} needs one: unpack the drive again")
    if stamps[index] == NOT_A_TIME:
        raise DatasetError(f"{path}: the line of frame {index:010d} is empty: unpack the drive again")
    return int(stamps[index])
