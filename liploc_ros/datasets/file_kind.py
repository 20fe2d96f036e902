# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""What kind of file a path is, by its first bytes: bags, and files that are often taken for one."""

from pathlib import Path

from liploc_ros.datasets.drive import DatasetError

STARTS = {b"\x89MCAP0\r\n": ".mcap", b"SQLite format 3\x00": ".db3"}
"""First bytes of the files of rosbag2, and their suffixes."""
BAG_SUFFIXES = tuple(STARTS.values())
HEAD_BYTES = 64

KINDS = (
    (0, b"#ROSBAG V", "a ROS 1 bag", "convert it with: rosbags-convert --src {path} --dst {stem}"),
    (0, b"\x28\xb5\x2f\xfd", "a file compressed by zstd", "decompress it with: zstd -d {path}"),
    (0, b"\x1f\x8b", "a file compressed by gzip", "decompress it with: gunzip {path}"),
    (0, b"\x04\x22\x4d\x18", "a file compressed by lz4", "decompress it with: lz4 -d {path}"),
    (0, b"BZh", "a file compressed by bzip2", "decompress it with: bunzip2 {path}"),
    (0, b"\xfd7zXZ\x00", "a file compressed by xz", "decompress it with: unxz {path}"),
    (0, b"PK\x03\x04", "a ZIP archive", "extract it"),
    (257, b"ustar", "a tar archive", "extract it"),
    (4, b"ftyp", "a video file", "extract its images, for instance with ffmpeg"),
    (0, b"\x1a\x45\xdf\xa3", "a video file", "extract its images, for instance with ffmpeg"),
    (8, b"AVI ", "a video file", "extract its images, for instance with ffmpeg"),
    (0, b"LASF", "a LAS point cloud", "give the recording with its scans and poses"),
    (0, b"# .PCD", "a PCD point cloud", "give the recording with its scans and poses"),
    (0, b"ply\n", "a PLY point cloud", "give the recording with its scans and poses"),
    (0, b"\xd4\xc3\xb2\xa1", "a network capture", "convert it to a bag with the driver of the LiDAR"),
    (0, b"\x0a\x0d\x0d\x0a", "a network capture", "convert it to a bag with the driver of the LiDAR"),
)
"""Offset, bytes there, name and remedy of files that are not rosbag2 recordings."""


def is_bag(path: Path) -> bool:
    """Return whether a path is a rosbag2 recording, or is named as one: a folder, an ``.mcap`` or a ``.db3`` file."""
    if path.is_dir():
        return (path / "metadata.yaml").exists()
    return path.suffix in BAG_SUFFIXES


def check_kind(path: Path) -> None:
    """Refuse files of a known other kind, such as ROS 1 bags and videos, whatever their name is.

    Raises:
        DatasetError: it is such a file, or a bag whose name does not have the suffix that the rosbags library needs.
    """
    if not path.is_file():
        return
    head = _head(path)
    for start, suffix in STARTS.items():
        if head.startswith(start) and path.suffix != suffix:
            raise DatasetError(f"{path}: is a recording in a {suffix} file: rename it to {path.stem}{suffix}")
    for offset, magic, name, remedy in KINDS:
        if head[offset:].startswith(magic):
            stem = path.with_suffix("")
            raise DatasetError(f"{path}: is {name}, not a rosbag2 recording: {remedy.format(path=path, stem=stem)}")


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES + 257)
    except OSError:
        return b""
