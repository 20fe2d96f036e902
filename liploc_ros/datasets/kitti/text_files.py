# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Numbers in KITTI's text files: entries ``name: values``, and tables."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.geometry import Pose

MAX_ROTATION_ERROR = 1e-2  # of R R^T - I; the files have at least six digits
MAX_TRANSLATION = 1e8  # [m]


def read_entries(path: Path, remedy: str) -> dict[str, str]:
    """Return the text after the first colon of each line, by the text before it.

    Raises:
        DatasetError: the file is missing or not text.
    """
    return {key.strip(): value for key, colon, value in (line.partition(":") for line in _lines(path, remedy)) if colon}


def entry_as_array(
    entries: Mapping[str, str], key: str, shape: tuple[int, ...], path: Path, remedy: str
) -> NDArray[np.float64]:
    """Return an entry as an array of this shape; ``path`` names the file in errors.

    Raises:
        DatasetError: the entry is missing, or does not have this many finite numbers.
    """
    if key not in entries:
        raise DatasetError(f"{path}: has no entry {key}: {remedy}")
    try:
        numbers = np.array(entries[key].split(), dtype=np.float64).reshape(shape)
    except ValueError as error:
        shown = repr(entries[key].strip()[:200])
        raise DatasetError(f"{path}: entry {key} is {shown}, not an array of shape {shape}: {remedy}") from error
    if not np.all(np.isfinite(numbers)):
        raise DatasetError(f"{path}: entry {key} is {numbers.ravel().tolist()}, not finite: {remedy}")
    return numbers


def read_table(path: Path, columns: int, remedy: str) -> NDArray[np.float64]:
    """Return the numbers (N, columns) of a file; empty lines are skipped.

    Raises:
        DatasetError: the file is missing, empty or not text, or a line does not have this many finite numbers.
    """
    rows = []
    for number, line in enumerate(_lines(path, remedy), start=1):
        if not line.strip():
            continue
        try:
            row = np.array(line.split(), dtype=np.float64)
        except ValueError:
            row = np.empty(0)
        if len(row) != columns or not np.all(np.isfinite(row)):
            raise DatasetError(f"{path}: line {number} is {line[:200]!r}, not {columns} finite numbers: {remedy}")
        rows.append(row)
    if not rows:
        raise DatasetError(f"{path}: is empty: {remedy}")
    return np.stack(rows)


def rigid_transform(numbers: NDArray[np.float64], source: str, remedy: str) -> Pose:
    """Return the (4, 4) transform of 12 numbers, the rows of a (3, 4) matrix; ``source`` names them in errors.

    Raises:
        DatasetError: the left three columns are not a rotation, or the translation is larger than the earth.
    """
    T = np.eye(4)
    T[:3] = numbers.reshape(3, 4)
    R = T[:3, :3]
    with np.errstate(all="ignore"):
        is_rotation = np.abs(R @ R.T - np.eye(3)).max() < MAX_ROTATION_ERROR and np.linalg.det(R) > 0
    if not is_rotation or np.abs(T[:3, 3]).max() > MAX_TRANSLATION:
        raise DatasetError(f"{source}: {T[:3].ravel().tolist()} is not a rigid transform: {remedy}")
    return T


def _lines(path: Path, remedy: str) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: is missing: {remedy}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}): {remedy}") from error
