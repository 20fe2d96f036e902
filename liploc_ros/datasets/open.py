# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Open a recording of any supported kind, detected by its layout."""

from collections.abc import Callable, Collection
from pathlib import Path

from liploc_ros.datasets.bag.options import BagOptions
from liploc_ros.datasets.bag.reader import read_bag
from liploc_ros.datasets.bag.topics import BagTopics, DataKind
from liploc_ros.datasets.drive import DatasetError, Drive
from liploc_ros.datasets.file_kind import BAG_SUFFIXES, check_kind, is_bag
from liploc_ros.datasets.kitti.kitti_360 import FOLDERS as KITTI_360_FOLDERS
from liploc_ros.datasets.kitti.kitti_360 import read_kitti_360
from liploc_ros.datasets.kitti.object_frames import read_kitti_object
from liploc_ros.datasets.kitti.odometry import read_kitti_odometry
from liploc_ros.datasets.kitti.raw import read_kitti_raw
from liploc_ros.files import expand_path

EXPECTED = (
    "give a rosbag2 folder with its metadata.yaml ('ros2 bag reindex' writes one), an .mcap or .db3 file, or the "
    "folder of a KITTI raw drive (DATE/DRIVE_sync), KITTI odometry sequence (sequences/NN) or KITTI-360 drive "
    "(data_2d_raw/DRIVE_sync)"
)
NESTED_PATTERNS = (
    "*_sync",
    "sequences/*",
    "dataset/sequences/*",
    "data_2d_raw/*_sync",
    "data_3d_raw/*_sync",
    "*/*_sync",
    "*",
)
"""Where recordings can be below a folder that is not a recording itself."""
MAX_SUGGESTIONS = 3

Reader = Callable[[Path], Drive]


def open_drive(
    path: Path,
    topics: BagTopics | None = None,
    *,
    needs: Collection[DataKind] = (),
    options: BagOptions | None = None,
) -> Drive:
    """Return the drive of a bag (rosbag2 folder, ``.mcap``, ``.db3``) or of the folder of a KITTI drive.

    Supported are KITTI raw, KITTI odometry and KITTI-360 drives in their published layouts.

    Args:
        path: file or folder.
        topics: topics of a bag to read; the others are found by their types.
        needs: for a bag, the required data; see :func:`liploc_ros.datasets.bag.reader.read_bag`.
        options: for a bag, what it does not tell itself.

    Raises:
        DatasetError: the recording is missing, damaged or not supported, or topics or options are given but it is not
            a bag.

    Examples:
        >>> drive = open_drive(Path("demo/kitti_0013_excerpt.mcap"))
        >>> len(list(drive.scans())), len(list(drive.images())), list(drive.cameras)
        (17, 40, ['camera_color_left_optical'])
        >>> image = next(drive.images()).images["camera_color_left_optical"]()
        >>> image.shape, image.dtype.name
        ((375, 1242, 3), 'uint8')
    """
    path = expand_path(path)
    if not path.exists():
        raise DatasetError(f"{path}: does not exist: check the path")
    check_kind(path)
    if is_bag(path):
        return read_bag(path, topics or BagTopics(), needs=needs, options=options or BagOptions())
    kind, read = _reader(path)
    if named := (topics or BagTopics()).model_dump(exclude_defaults=True):
        raise DatasetError(f"{path}: a {kind} has no topics: give none for {', '.join(named)}")
    if named := (options or BagOptions()).model_dump(exclude_defaults=True):
        raise DatasetError(f"{path}: a {kind} has its own calibration and poses: leave out {', '.join(named)}")
    return read(path)


def open_sources(
    path: Path,
    topics: BagTopics | None = None,
    *,
    needs: Collection[DataKind] = (),
    options: BagOptions | None = None,
) -> list[Drive]:
    """Return the training data at a path: one drive, or many single frames of KITTI's object benchmark.

    The other arguments are those of :func:`open_drive`, and hold for bags.

    Raises:
        DatasetError: the recording is missing, damaged or not supported.
    """
    path = expand_path(path)
    if _is_object_split(path):
        return read_kitti_object(path)
    return [open_drive(path, topics, needs=needs, options=options)]


def _reader(path: Path) -> tuple[str, Reader]:
    if _is_360_drive(path):
        return "KITTI-360 drive", read_kitti_360
    if _is_raw_drive(path):
        return "KITTI raw drive", read_kitti_raw
    if _is_odometry_sequence(path):
        return "KITTI odometry sequence", read_kitti_odometry
    if _is_object_split(path):
        raise DatasetError(
            f"{path}: single frames of KITTI's object benchmark are not a drive: give a drive, or train on them"
        )
    raise DatasetError(f"{path}: not a supported recording: {_suggestion(path) or EXPECTED}")


def _suggestion(folder: Path) -> str:
    if not folder.is_dir():
        return ""
    nested = (path for pattern in NESTED_PATTERNS for path in sorted(folder.glob(pattern)))
    found = [str(path) for path in nested if _is_recording(path)]
    more = f" or another of {len(found)} recordings" if len(found) > MAX_SUGGESTIONS else ""
    if not found:
        return ""
    parts = [path for path in folder.iterdir() if path.suffix in BAG_SUFFIXES]
    reindex = "; for all parts of one recording, write metadata.yaml with 'ros2 bag reindex'" if parts else ""
    return f"did you mean {', '.join(found[:MAX_SUGGESTIONS])}{more}{reindex}"


def _is_recording(path: Path) -> bool:
    return is_bag(path) or _is_360_drive(path) or _is_raw_drive(path) or _is_odometry_sequence(path)


def _is_360_drive(path: Path) -> bool:
    is_in_layout = path.is_dir() and path.absolute().parent.name in KITTI_360_FOLDERS
    return is_in_layout or any((path / name).is_dir() for name in ("image_00/data_rect", "image_02/data_rgb"))


def _is_raw_drive(path: Path) -> bool:
    return any((path / name).is_dir() for name in ("oxts", "image_02", "velodyne_points"))


def _is_odometry_sequence(path: Path) -> bool:
    return any((path / name).is_dir() for name in ("velodyne", "image_2", "image_3")) and not _is_object_split(path)


def _is_object_split(path: Path) -> bool:
    return (path / "image_2").is_dir() and (path / "calib").is_dir()
