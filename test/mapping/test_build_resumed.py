# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A build that is stopped or killed is continued, and gives the map of a build that was not."""

import logging
import random
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from support.file_systems import mount, small_disk
from support.long_drive import FEW_PLACES, content, long_drive

from liploc_ros.files import FileError
from liploc_ros.mapping import LidarMap, MapError
from liploc_ros.mapping.build import BuildStoppedError, write_map

BUILD = """
import sys
sys.path.insert(0, sys.argv[2])
from pathlib import Path
from support.long_drive import FEW_PLACES, long_drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.mapping.build import write_map
print("ready", flush=True)
print(write_map([long_drive()], ModelBundle.load(), Path(sys.argv[1]), FEW_PLACES, workers=2).resumed)
"""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, bundle):
    out = tmp_path_factory.mktemp("whole") / "map"
    write_map([long_drive()], bundle, out, FEW_PLACES)
    return content(out)


def stop_after(places):
    def on_place(done, _total):
        if done >= places:
            raise KeyboardInterrupt

    return on_place


def build_until(out, bundle, places, config=FEW_PLACES):
    with pytest.raises(BuildStoppedError) as error:
        write_map([long_drive()], bundle, out, config, stop_after(places), workers=2)
    return str(error.value)


def test_the_bytes_do_not_depend_on_the_number_of_threads(tmp_path, bundle, uninterrupted):
    write_map([long_drive()], bundle, tmp_path / "map", FEW_PLACES, workers=3)
    assert content(tmp_path / "map") == uninterrupted


def test_after_ctrl_c_the_same_call_continues_and_gives_the_same_bytes(tmp_path, bundle, uninterrupted):
    message = build_until(tmp_path / "map", bundle, 50)
    assert "stopped with 2 of 5 tiles finished" in message and "the same command continues" in message
    assert not (tmp_path / "map").exists()
    assert write_map([long_drive()], bundle, tmp_path / "map", FEW_PLACES).resumed == 2
    assert content(tmp_path / "map") == uninterrupted
    assert [path.name for path in tmp_path.iterdir()] == ["map"]


def test_a_damaged_tile_of_a_stopped_build_is_built_again(tmp_path, bundle, uninterrupted):
    build_until(tmp_path / "map", bundle, 50)
    file = tmp_path / ".map.partial" / "map" / "tiles" / "000000" / "features.npy"
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    assert write_map([long_drive()], bundle, tmp_path / "map", FEW_PLACES).resumed == 1
    assert content(tmp_path / "map") == uninterrupted


def test_half_a_file_of_a_killed_build_is_not_part_of_the_map(tmp_path, bundle, uninterrupted):
    build_until(tmp_path / "map", bundle, 50)
    (tmp_path / ".map.partial" / "map" / ".manifest.json.4vobqmp.new").write_bytes(b"{")
    write_map([long_drive()], bundle, tmp_path / "map", FEW_PLACES)
    assert content(tmp_path / "map") == uninterrupted


@pytest.mark.parametrize("change", ["settings", "points"])
def test_what_is_finished_of_another_build_is_not_used(tmp_path, bundle, uninterrupted, caplog, change):
    out, drive, config = tmp_path / "map", long_drive(), FEW_PLACES
    if change == "settings":
        config = FEW_PLACES.model_copy(update={"point_voxel": 0.5})
    else:
        last = drive.frames[-1]
        drive = replace(drive, frames=(*drive.frames[:-1], replace(last, read_points=lambda: last.read_points() + 1)))
    with pytest.raises(BuildStoppedError):
        write_map([drive], bundle, out, config, stop_after(50))
    with caplog.at_level(logging.WARNING):
        assert write_map([long_drive()], bundle, out, FEW_PLACES).resumed == 0
    assert "of another build" in caplog.text
    assert content(out) == uninterrupted


def test_two_processes_do_not_build_the_same_map(tmp_path, bundle):
    def build_again(_done, _total):
        write_map([long_drive()], bundle, tmp_path / "map", FEW_PLACES)

    with pytest.raises(MapError, match="another process is building it"):
        write_map([long_drive()], bundle, tmp_path / "map", FEW_PLACES, build_again)


def test_the_previous_map_stays_until_the_new_one_is_complete(tmp_path, bundle):
    out = tmp_path / "map"
    write_map([long_drive(100)], bundle, out, FEW_PLACES)
    before = content(out)
    build_until(out, bundle, 50)
    assert content(out) == before and len(LidarMap.load(out, bundle).features)


@pytest.mark.slow
def test_a_build_that_is_killed_at_any_moment_gives_the_same_bytes(tmp_path, uninterrupted):
    random.seed(0)
    command = [sys.executable, "-c", BUILD, tmp_path / "map", Path(__file__).parents[1]]
    duration = None
    for attempt in range(9):
        process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        assert process.stdout.readline() == b"ready\n"
        start = time.monotonic()
        if attempt in (0, 8):  # one whole build to know how long it takes, and the last one to complete
            assert process.wait(300) == 0
            duration = duration or time.monotonic() - start
            assert content(tmp_path / "map") == uninterrupted
        else:
            time.sleep(random.uniform(0, duration))
            process.kill()
            process.wait()
            assert content(tmp_path / "map") == uninterrupted  # the one of the first build, or a new one
        process.stdout.close()


def test_a_full_disk_stops_the_build_in_one_line_and_leaves_the_last_map(tmp_path, bundle, uninterrupted):
    with small_disk(tmp_path / "disk", 100_000) as disk:
        write_map([long_drive()], bundle, disk / "map", FEW_PLACES)
        used = shutil.disk_usage(disk).used // 1024
        mount("-o", f"remount,size={3 * used // 2}k", disk)
        with pytest.raises(FileError, match=r"\(No space left on device\): free space"):
            write_map([long_drive()], bundle, disk / "map", FEW_PLACES)
        assert content(disk / "map") == uninterrupted
        mount("-o", "remount,size=100000k", disk)
        assert write_map([long_drive()], bundle, disk / "map", FEW_PLACES).resumed
        assert content(disk / "map") == uninterrupted
