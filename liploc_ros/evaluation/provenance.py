# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The drive and the dataset that a recording comes from."""

import re
from collections.abc import Iterable

ODOMETRY = {
    "00": "2011_10_03_drive_0027",
    "01": "2011_10_03_drive_0042",
    "02": "2011_10_03_drive_0034",
    "03": "2011_09_26_drive_0067",
    "04": "2011_09_30_drive_0016",
    "05": "2011_09_30_drive_0018",
    "06": "2011_09_30_drive_0020",
    "07": "2011_09_30_drive_0027",
    "08": "2011_09_30_drive_0028",
    "09": "2011_09_30_drive_0033",
    "10": "2011_09_30_drive_0034",
}
"""Drives of KITTI raw from which the sequences of the odometry benchmark were cut (from its development kit)."""

EXCERPTS = {"kitti_0013_excerpt": "2011_09_26_drive_0013"}


def drive_of(name: str) -> str:
    """Return the KITTI drive that a recording was cut from, or the name of the recording if that is not known."""
    if found := re.fullmatch(r"kitti_odometry_(\d\d)", name):
        return ODOMETRY.get(found[1], name)
    found = re.search(r"\d{4}_\d\d_\d\d_drive_\d{4}", name)
    return found[0] if found else EXCERPTS.get(name, name)


def dataset_of(name: str) -> str:
    """Return the dataset of a recording: ``kitti``, ``kitti-360``, or otherwise its own name."""
    drive = drive_of(name)
    if drive.startswith("2013_05_28_drive_"):
        return "kitti-360"
    return "kitti" if drive.startswith(("2011_", "kitti_", "object_")) else drive


def is_in_training(name: str, trained_on: Iterable[str]) -> bool:
    """Return whether a recording is of a drive in the training data.

    Training names bags of the same name with their folders; without its folder, each of them may be the recording.
    """
    return drive_of(name) in {
        drive_of(part) for trained in trained_on for part in (trained, trained.rpartition("/")[2])
    }
