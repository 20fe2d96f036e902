"""Numbers in KITTI's text files: lines with a name, and tables."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liploc_ros.datasets.drive import DatasetError
from liploc_ros.geometry import Pose

ORTHONORMAL_TOLERANCE = 1e-2  # files have six digits and more
FARTHEST = 1e8  # metres


def read_entries(path: Path, remedy: str) -> dict[str, str]:
    """Return what stands after the first colon of each line, by what stands before it.

    Raises:
        DatasetError: the file is missing or no text.
    """
    return {key.strip(): value for key, colon, value in (line.partition(":") for line in _lines(path, remedy)) if colon}


def numbers_of(
    entries: Mapping[str, str], key: str, shape: tuple[int, ...], path: Path, remedy: str
) -> NDArray[np.float64]:
    """Return an entry as an array of this shape; ``path`` names the file in errors.

    Raises:
        DatasetError: the entry is missing, or not so many finite numbers.
    """
    if key not in entries:
        raise DatasetError(f"{path}: has no entry {key}: {remedy}")
    try:
        numbers = np.array(entries[key].split(), dtype=np.float64).reshape(shape)
    except ValueError as error:
        shown = repr(entries[key].strip()[:200])
        raise DatasetError(f"{path}: entry {key} is {shown}, not numbers {shape}: {remedy}") from error
    if not np.all(np.isfinite(numbers)):
        raise DatasetError(f"{path}: entry {key} is not finite: {remedy}")
    return numbers


def read_table(path: Path, columns: int, remedy: str) -> NDArray[np.float64]:
    """Return the (N, columns) numbers of a file; empty lines are left out.

    Raises:
        DatasetError: the file is missing, empty or no text, or a line is not so many finite numbers.
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


def rigid(numbers: NDArray[np.float64], source: str, remedy: str) -> Pose:
    """Return the (4, 4) transform of 12 numbers, a (3, 4) matrix row by row; ``source`` names them in errors.

    Raises:
        DatasetError: the left three columns are no rotation, or the right one is farther than anything on earth.
    """
    T = np.eye(4)
    T[:3] = numbers.reshape(3, 4)
    R = T[:3, :3]
    with np.errstate(all="ignore"):
        is_rotation = np.abs(R @ R.T - np.eye(3)).max() < ORTHONORMAL_TOLERANCE and np.linalg.det(R) > 0
    if not is_rotation or np.abs(T[:3, 3]).max() > FARTHEST:
        raise DatasetError(f"{source}: {T[:3].ravel().tolist()} is no rigid transform: {remedy}")
    return T


def _lines(path: Path, remedy: str) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError as error:
        raise DatasetError(f"{path}: is missing: {remedy}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: cannot be read ({error}): {remedy}") from error
