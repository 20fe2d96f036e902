"""Readers of recordings: whatever is read becomes a Drive of Frames."""

from collections.abc import Collection
from pathlib import Path

from liploc_ros.datasets.bag_topics import BagTopics, Kind
from liploc_ros.datasets.frame import DatasetError, Drive, Frame
from liploc_ros.datasets.kitti_raw import read_kitti_raw
from liploc_ros.datasets.rosbag import read_bag

BAG_SUFFIXES = (".mcap", ".db3")


def open_drive(path: Path, topics: BagTopics | None = None, *, needs: Collection[Kind] = ()) -> Drive:
    """Return the drive at a path: a rosbag2 folder, an ``.mcap`` or ``.db3`` file, or the folder of a KITTI raw drive.

    Args:
        path: file or folder.
        topics: which topics of a bag to read; what is left out is found by its type.
        needs: for a bag, what must be in it; see :func:`liploc_ros.datasets.rosbag.read_bag`.

    Raises:
        DatasetError: it is missing, damaged or of another kind, or topics are named for what is no bag.
    """
    path = Path(path)
    if not path.exists():
        raise DatasetError(f"{path}: no such recording: check the path")
    if path.suffix in BAG_SUFFIXES or (path / "metadata.yaml").exists():
        return read_bag(path, topics or BagTopics(), needs=needs)
    if path.is_dir() and not any(file.suffix in BAG_SUFFIXES for file in path.iterdir()):
        named = (topics or BagTopics()).model_dump(exclude_defaults=True)
        if named:
            raise DatasetError(f"{path}: a KITTI raw drive has no topics: name none for {', '.join(named)}")
        return read_kitti_raw(path)
    raise DatasetError(
        f"{path}: not a recording that can be read: give a rosbag2 folder with its metadata.yaml ('ros2 bag reindex' "
        "writes one), an .mcap or .db3 file, or the folder of a KITTI raw drive"
    )


__all__ = ["BAG_SUFFIXES", "BagTopics", "DatasetError", "Drive", "Frame", "open_drive", "read_bag", "read_kitti_raw"]
