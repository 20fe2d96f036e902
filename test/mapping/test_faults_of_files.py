# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Whatever happens to the disk, the last good map stays, and one line says what is wrong."""

import random
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from support.file_systems import read_only, small_disk

from liploc_ros.files import FileError, check_writable, open_atomic
from liploc_ros.mapping import LidarMap

SAVE_FOR_EVER = """
import sys
from liploc_ros.mapping import LidarMap
maps = [LidarMap.load(path) for path in sys.argv[2:]]
print("ready", flush=True)
while True:
    for lidar_map in maps:
        lidar_map.save(sys.argv[1])
"""


def renamed(lidar_map, datum):
    return replace(lidar_map, manifest=lidar_map.manifest.model_copy(update={"datum": datum}))


def one_line(error):
    assert "\n" not in str(error.value) and "None" not in str(error.value)
    return str(error.value)


def test_a_full_disk_leaves_the_last_map(tmp_path, demo_map, saved_map):
    size = sum(file.stat().st_size for file in saved_map.rglob("*")) // 1024
    with small_disk(tmp_path / "disk", 3 * size // 2) as disk:
        before = demo_map.save(disk / "map").id
        with pytest.raises(FileError) as error:
            renamed(demo_map, "other").save(disk / "map")
        assert "(No space left on device): free space" in one_line(error)
        assert LidarMap.load(disk / "map").id == before
        assert [file.name for file in disk.iterdir()] == ["map"]


def test_a_limit_of_file_sizes_leaves_the_last_map(demo_map, saved_map):
    before, limits = LidarMap.load(saved_map).id, resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(FileError) as error:
            demo_map.save(saved_map)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "cannot be written (" in one_line(error)
    assert LidarMap.load(saved_map).id == before


@pytest.mark.parametrize("left", [".map.old", ".map.new-1-x"])
def test_a_map_on_a_read_only_mount_is_loaded_whatever_lies_beside_it(saved_map, demo_map, left):
    before = LidarMap.load(saved_map).id
    shutil.copytree(saved_map, saved_map.with_name(left))
    with read_only(saved_map.parent):
        assert LidarMap.load(saved_map).id == before
        with pytest.raises(FileError) as error:
            demo_map.save(saved_map)
        assert "cannot be written to (Read-only file system)" in one_line(error)


def test_a_map_whose_replacement_was_killed_is_read_on_a_read_only_mount(saved_map):
    before = LidarMap.load(saved_map).id
    saved_map.rename(saved_map.with_name(".map.old"))
    with read_only(saved_map.parent):
        assert LidarMap.load(saved_map).id == before


def test_a_file_with_the_name_of_the_old_folder_is_named_before_the_work(saved_map, demo_map):
    before = LidarMap.load(saved_map).id
    saved_map.with_name(".map.old").write_text("mine")
    with pytest.raises(FileError) as error:
        demo_map.save(saved_map)
    assert ".map.old is not a folder" in one_line(error)
    assert LidarMap.load(saved_map).id == before


def test_an_old_folder_that_cannot_be_removed_is_named(saved_map, demo_map):
    old = saved_map.with_name(".map.old")
    (old / "busy").mkdir(parents=True)
    with small_disk(old / "busy", 16), pytest.raises(FileError) as error:
        demo_map.save(saved_map)
    assert ".map.old: left by an earlier replacement, cannot be removed" in one_line(error)


def test_a_path_that_cannot_exist_is_one_line(tmp_path):
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    for path in (tmp_path / ("x" * 300), tmp_path / "circle"):
        with pytest.raises(FileError) as error:
            check_writable(path)
        one_line(error)


def test_a_file_system_that_becomes_read_only_during_a_write_is_one_line(tmp_path):
    with pytest.raises(FileError) as error, open_atomic(tmp_path / "file"):
        shutil.rmtree(tmp_path)
    assert "No such file or directory" in one_line(error)


@pytest.mark.slow
def test_a_process_that_is_killed_at_any_moment_of_a_save_leaves_one_of_the_two_maps(tmp_path, demo_map):
    ids, target = set(), tmp_path / "map"
    for datum in ("one", "two"):
        ids.add(renamed(demo_map, datum).save(tmp_path / datum).id)
    demo_map_of_one = LidarMap.load(tmp_path / "one").save(target)
    assert demo_map_of_one.id in ids
    command = [sys.executable, "-c", SAVE_FOR_EVER, target, tmp_path / "one", tmp_path / "two"]
    moments = random.Random(0)
    for _ in range(8):
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(moments.uniform(0.0, 0.5))
        process.kill()
        process.communicate()
        assert LidarMap.load(target).id in ids
