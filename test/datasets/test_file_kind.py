# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Files that are not rosbag2 recordings are recognized by their first bytes, whatever their names."""

from pathlib import Path

import pytest
from rosbags.rosbag2 import StoragePlugin, Writer

from liploc_ros.datasets import DatasetError, open_drive
from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.datasets.bag.messages import TYPES


@pytest.mark.parametrize("suffix", [".bag", ".mcap", ".db3", ""])
@pytest.mark.parametrize(
    ("start", "words"),
    [
        (b"#ROSBAG V2.0\n", "is a ROS 1 bag, not a rosbag2 recording: convert it with: rosbags-convert --src"),
        (b"\x28\xb5\x2f\xfd", "compressed by zstd, .*: decompress it with: zstd -d"),
        (b"\x00\x00\x00\x20ftypisom", "is a video file"),
        (b"\x1a\x45\xdf\xa3", "is a video file"),
        (b"PK\x03\x04", "is a ZIP archive"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_name(tmp_path: Path, suffix: str, start: bytes, words: str) -> None:
    path = tmp_path / f"drive{suffix}"
    path.write_bytes(start + bytes(100))
    with pytest.raises(DatasetError, match=words):
        open_drive(path)
    with pytest.raises(DatasetError, match=words):
        BagFile(path)


@pytest.mark.parametrize("name", ["drive", "drive.db3", "drive.bag"])
def test_a_bag_with_another_suffix_must_be_renamed(tmp_path: Path, bag_path: Path, name: str) -> None:
    (tmp_path / name).symlink_to(bag_path)
    with pytest.raises(DatasetError, match=r"is a recording in a \.mcap file: rename it to drive\.mcap"):
        open_drive(tmp_path / name)


def test_a_folder_with_parts_of_a_recording_names_them(tmp_path: Path, bag_path: Path) -> None:
    (tmp_path / "drive_0.mcap").symlink_to(bag_path)
    with pytest.raises(DatasetError, match=r"did you mean .*drive_0\.mcap; for all parts of one recording"):
        open_drive(tmp_path)


def test_a_bag_that_is_not_serialized_as_cdr_is_refused(tmp_path: Path) -> None:
    cloud = messages.header(0, "lidar")
    with Writer(tmp_path / "bag", version=8, storage_plugin=StoragePlugin.MCAP) as writer:
        topic = writer.add_connection("/h", cloud.__msgtype__, typestore=TYPES, serialization_format="ros1")
        writer.write(topic, 1, b"")
    with pytest.raises(DatasetError, match="messages of /h are serialized as ros1, not as cdr"):
        BagFile(next((tmp_path / "bag").glob("*.mcap"))).check_cdr()
