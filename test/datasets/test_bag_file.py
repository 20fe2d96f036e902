# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Random access to the messages of a bag, in one or several processes, and damaged bags."""

import os
import pickle
import shutil
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rosbags.rosbag2 import Reader, StoragePlugin, Writer
from support.bag_maker import write_bag

from liploc_ros.datasets import DatasetError, open_drive, read_bag
from liploc_ros.datasets.bag import messages
from liploc_ros.datasets.bag.file import BagFile
from liploc_ros.datasets.bag.messages import TYPES
from liploc_ros.errors import LiplocError

EXCERPT = Path(__file__).parents[2] / "demo/kitti_0013_excerpt.mcap"
CAMERA = "camera_color_left_optical"


def test_messages_read_in_any_order_equal_those_read_in_sequence() -> None:
    bag = BagFile(EXCERPT)
    topic = "/camera_color_left/image_raw/compressed"
    passed = {key: msg.data.tobytes() for key, msg in bag.messages([topic])}
    keys = list(passed)
    shuffled = [keys[i] for i in np.random.default_rng(0).permutation(len(keys))]
    for key in [*keys, *reversed(keys), *shuffled]:
        assert bag.message(key).data.tobytes() == passed[key]


def test_messages_with_the_same_stamp_are_distinguished(tmp_path: Path) -> None:
    clouds = [messages.point_cloud(7, "base_link", np.full((1, 4), i / 8, np.float32)) for i in range(3)]
    drive = read_bag(write_bag(tmp_path / "same.mcap", [("/points", 7, msg) for msg in clouds]))
    readers = [frame.read_points for frame in drive.frames]
    assert [read()[0, 0] for read in reversed(readers) if read] == [0.25, 0.125, 0]


def test_a_closed_bag_is_opened_again_when_it_is_read(tmp_path: Path, bag_path: Path) -> None:
    path = Path(shutil.copy(bag_path, tmp_path))
    with BagFile(path) as bag:
        key, before = next(iter(bag.messages(["/odom"])))
        bag.message(key)
    assert not [fd for fd in Path("/proc/self/fd").iterdir() if fd.resolve() == path]
    assert str(bag.message(key)) == str(before)


def test_a_drive_can_be_pickled() -> None:
    frame = next(pickle.loads(pickle.dumps(open_drive(EXCERPT))).images())
    assert frame.images[CAMERA]().shape == (375, 1242, 3)


def test_reading_in_a_forked_process_does_not_disturb_the_parent() -> None:
    frames = list(open_drive(EXCERPT).images())
    expected = [frame.images[CAMERA]().sum() for frame in frames[:6]]
    frames[0].images[CAMERA]()
    child = os.fork()
    if child == 0:
        os._exit(int([frame.images[CAMERA]().sum() for frame in frames[:6]] != expected))
    assert [frame.images[CAMERA]().sum() for frame in frames[1:6]] == expected[1:]
    assert os.waitpid(child, 0)[1] == 0


@pytest.mark.parametrize("plugin", list(StoragePlugin))
def test_a_bag_folder_of_each_storage_format_is_read(tmp_path: Path, bag_path: Path, plugin: StoragePlugin) -> None:
    folder = tmp_path / "folder"
    with Reader(bag_path) as reader, Writer(folder, version=8, storage_plugin=plugin) as writer:
        connections = {c.topic: writer.add_connection(c.topic, c.msgtype, typestore=TYPES) for c in reader.connections}
        for connection, stamp, raw in reader.messages():
            writer.write(connections[connection.topic], stamp, raw)
    expected = [frame.stamp_ns for frame in read_bag(bag_path).frames]
    assert [frame.stamp_ns for frame in open_drive(folder).frames] == expected
    storage = next(path for path in folder.iterdir() if path.suffix in (".mcap", ".db3"))
    assert [frame.stamp_ns for frame in open_drive(storage).frames] == expected


@pytest.mark.parametrize("kept", [0, 4, 8, 30, 1000, -1, -8, -37, -1000])
def test_a_truncated_bag_is_refused_with_its_name(tmp_path: Path, bag_path: Path, kept: int) -> None:
    path = tmp_path / "cut.mcap"
    path.write_bytes(bag_path.read_bytes()[:kept])
    with pytest.raises(DatasetError, match=r"cut\.mcap: not a rosbag2 recording, or a damaged one") as caught:
        open_drive(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["text.mcap", "text.db3", "text.txt", "folder", "folder_of_bags", "missing.mcap"])
def test_a_path_without_a_recording_is_refused_on_one_line(tmp_path: Path, bag_path: Path, name: str) -> None:
    path = tmp_path / name
    if name.startswith("text"):
        path.write_text("this is not a bag " * 100)
    elif name.startswith("folder"):
        path.mkdir()
        if name == "folder_of_bags":
            shutil.copy(bag_path, path)
    with pytest.raises(DatasetError) as caught:
        open_drive(path)
    assert name in str(caught.value)
    assert "\n" not in str(caught.value)


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_a_bag_with_random_changes_is_read_or_refused_with_a_liploc_error(bag_path: Path, data: st.DataObject) -> None:
    raw = bytearray(bag_path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    path = bag_path.with_name("wrong.mcap")
    path.write_bytes(raw)
    with suppress(LiplocError):
        for frame in open_drive(path).frames:
            for read in [*frame.images.values(), *([frame.read_points] if frame.read_points else [])]:
                read()


def test_a_changed_byte_of_a_scan_is_detected(tmp_path: Path, bag_path: Path) -> None:
    raw = bytearray(bag_path.read_bytes())
    raw[len(raw) // 3] ^= 0x10
    path = tmp_path / "flipped.mcap"
    path.write_bytes(raw)
    with pytest.raises(DatasetError, match=r"flipped\.mcap"):
        open_drive(path)
