# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""KITTI's image and scan files, which are named by frame number."""

from pathlib import Path

from liploc_ros.datasets.drive import DatasetError

SUFFIXES = (".png", ".jpg", ".bin")


def numbered_files(folder: Path) -> dict[int, Path]:
    """Return the images or scans of a folder by frame number, in order; empty if the folder does not exist.

    Raises:
        DatasetError: a file name is not a number.
    """
    files = folder.iterdir() if folder.is_dir() else ()
    return {frame_index(path): path for path in sorted(files) if path.suffix in SUFFIXES}


def frame_index(path: Path) -> int:
    """Return the frame number of a file, for instance 12 for ``0000000012.png``.

    Raises:
        DatasetError: the file name is not a number.
    """
    if not path.stem.isascii() or not path.stem.isdigit():
        raise DatasetError(f"{path}: the name is not a frame number such as 0000000012: move the file elsewhere")
    return int(path.stem)
