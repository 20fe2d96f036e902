# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Parts of drives: the end held out, and frames at a distance."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from liploc_ros.datasets import DatasetError, Drive, Frame
from liploc_ros.geometry import pose_from_yaw
from liploc_ros.learning.data.parts import drive_length, hold_out_end, spread_frames, stretch, with_unique_names


def drive_along(x, y=None):
    y = np.zeros(len(x)) if y is None else y
    frames = tuple(Frame(i, pose_from_yaw(*xy, 0, 0)) for i, xy in enumerate(zip(x, y, strict=True)))
    return Drive("d", Path("d.mcap"), frames, {}, None)


def positions(drive):
    return [round(float(frame.T_map_base[0, 3]), 3) for frame in drive.frames]


def test_the_end_of_a_drive_is_held_out_with_a_gap_before_it():
    division = hold_out_end(drive_along(np.arange(201.0)), 0.25)
    assert min(positions(division.held_out)) == 151 and max(positions(division.held_out)) == 200
    assert max(positions(division.kept)) == 131 and division.length == 50
    assert division.held_out.part == "last 50 m"


def test_what_the_vehicle_saw_of_the_held_out_part_before_is_not_kept():
    there_and_back = np.concatenate([np.arange(200.0), np.arange(200.0, 100.0, -1)])
    division = hold_out_end(drive_along(there_and_back), 0.25)
    kept, held_out = (np.array(positions(part)) for part in (division.kept, division.held_out))
    assert np.abs(kept[:, None] - held_out).min() == 20


def test_no_more_than_150_m_are_held_out():
    division = hold_out_end(drive_along(np.arange(0.0, 5000.0, 2.0)), 0.25)
    assert division.length == 150 and drive_length(division.kept) > 4800


@pytest.mark.parametrize(
    ("drive", "reason"),
    [
        (drive_along(np.arange(60.0)), "of its 59 m are 15 m, too short"),
        (drive_along(np.zeros(0)), "too short"),
        (drive_along(np.tile([0.0, 5.0], 100)), "all of it is within 20 m"),
    ],
)
def test_a_drive_that_cannot_be_divided_is_refused(drive, reason):
    with pytest.raises(DatasetError, match=reason):
        hold_out_end(drive, 0.25)


def test_a_standing_vehicle_gives_one_frame_and_many_frames_are_thinned_evenly():
    drive = drive_along([0, 0, 0.1, 1, 1.1, 2, 3, 3, 4])
    assert positions(spread_frames(drive, 0.7)) == [0, 1, 2, 3, 4]
    assert positions(spread_frames(drive, 0.7, 3)) == [0, 2, 4]
    assert positions(stretch(drive, 2.0)) == [0, 0, 0.1, 1, 1.1, 2]
    assert positions(stretch(drive, 4.0, 2)) == [0, 4]


def test_bags_of_the_same_name_are_told_apart():
    drives = [replace(drive_along([0, 1]), source=Path(name)) for name in ("/monday/d.mcap", "/friday/d.mcap")]
    assert [drive.name for drive in with_unique_names(drives)] == ["monday/d", "friday/d"]
    assert [drive.name for drive in with_unique_names(drives[:1] * 2)] == ["monday/d (1)", "monday/d (2)"]
    assert with_unique_names(drives[:1])[0].name == "d"
