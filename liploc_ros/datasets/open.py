"""What kind of recording a path holds, told by its layout."""

from collections.abc import Callable, Collection
from pathlib import Path

from liploc_ros.datasets.bag.reader import read_bag
from liploc_ros.datasets.bag.topics import BagTopics, Kind
from liploc_ros.datasets.drive import DatasetError, Drive
from liploc_ros.datasets.kitti.kitti_360 import FOLDERS as KITTI_360_FOLDERS
from liploc_ros.datasets.kitti.kitti_360 import read_kitti_360
from liploc_ros.datasets.kitti.object_frames import read_kitti_object
from liploc_ros.datasets.kitti.odometry import read_kitti_odometry
from liploc_ros.datasets.kitti.raw import read_kitti_raw

BAG_SUFFIXES = (".mcap", ".db3")
EXPECTED = (
    "give a rosbag2 folder with its metadata.yaml ('ros2 bag reindex' writes one), an .mcap or .db3 file, or the "
    "folder of a KITTI raw drive (DATE/DRIVE_sync), KITTI odometry sequence (sequences/NN) or KITTI-360 drive "
    "(data_2d_raw/DRIVE_sync)"
)
INSIDE = ("*_sync", "sequences/*", "dataset/sequences/*", "data_2d_raw/*_sync", "data_3d_raw/*_sync", "*/*_sync", "*")
"""Where, inside of a folder that was given by mistake, the recordings may be."""
FEW = 3

Reader = Callable[[Path], Drive]


def open_drive(path: Path, topics: BagTopics | None = None, *, needs: Collection[Kind] = ()) -> Drive:
    """Return the drive at a path: a bag (rosbag2 folder, ``.mcap``, ``.db3``), or the folder of a KITTI drive.

    KITTI drives are those of KITTI raw, KITTI odometry and KITTI-360, in their published layouts.

    Args:
        path: file or folder.
        topics: which topics of a bag to read; what is left out is found by its type.
        needs: for a bag, what must be in it; see :func:`liploc_ros.datasets.bag.reader.read_bag`.

    Raises:
        DatasetError: it is missing, damaged or of another kind, or topics are named for what is no bag.
    """
    path = Path(path)
    if not path.exists():
        raise DatasetError(f"{path}: no such recording: check the path")
    if path.suffix in BAG_SUFFIXES or (path / "metadata.yaml").exists():
        return read_bag(path, topics or BagTopics(), needs=needs)
    kind, read = _reader(path)
    named = (topics or BagTopics()).model_dump(exclude_defaults=True)
    if named:
        raise DatasetError(f"{path}: a {kind} has no topics: name none for {', '.join(named)}")
    return read(path)


def open_sources(path: Path) -> list[Drive]:
    """Return what there is to train on at a path: many single frames of KITTI's object benchmark, or one drive.

    Raises:
        DatasetError: it is missing, damaged or of another kind.
    """
    return read_kitti_object(Path(path)) if _is_object_split(Path(path)) else [open_drive(path)]


def _reader(path: Path) -> tuple[str, Reader]:
    if _is_360_drive(path):
        return "KITTI-360 drive", read_kitti_360
    if _is_raw_drive(path):
        return "KITTI raw drive", read_kitti_raw
    if _is_odometry_sequence(path):
        return "KITTI odometry sequence", read_kitti_odometry
    if _is_object_split(path):
        raise DatasetError(
            f"{path}: single frames of KITTI's object benchmark make no drive: train on them, and give a drive here"
        )
    raise DatasetError(f"{path}: not a recording that can be read: {_did_you_mean(path) or EXPECTED}")


def _did_you_mean(folder: Path) -> str:
    if not folder.is_dir():
        return ""
    inside = (path for pattern in INSIDE for path in sorted(folder.glob(pattern)))
    found = [str(path) for path in inside if _is_recording(path)]
    more = f" or another of {len(found)}" if len(found) > FEW else ""
    return f"did you mean {', '.join(found[:FEW])}{more}" if found else ""


def _is_recording(path: Path) -> bool:
    return _is_360_drive(path) or _is_raw_drive(path) or _is_odometry_sequence(path)


def _is_360_drive(path: Path) -> bool:
    in_place = path.is_dir() and path.absolute().parent.name in KITTI_360_FOLDERS
    return in_place or any((path / name).is_dir() for name in ("image_00/data_rect", "image_02/data_rgb"))


def _is_raw_drive(path: Path) -> bool:
    return any((path / name).is_dir() for name in ("oxts", "image_02", "velodyne_points"))


def _is_odometry_sequence(path: Path) -> bool:
    return any((path / name).is_dir() for name in ("velodyne", "image_2", "image_3")) and not _is_object_split(path)


def _is_object_split(path: Path) -> bool:
    return (path / "image_2").is_dir() and (path / "calib").is_dir()
