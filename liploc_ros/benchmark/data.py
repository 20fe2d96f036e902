# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The folders of a benchmark's drives, and the data that is missing in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from liploc_ros.evaluation.options import EvaluationError

KITTI, KITTI_360 = "kitti", "kitti-360"


@dataclass(frozen=True)
class DataRoots:
    """Folders with KITTI's odometry benchmark or KITTI-360, in the published layouts."""

    roots: tuple[Path, ...]

    @classmethod
    def of(cls, roots: Sequence[Path]) -> "DataRoots":
        """Return the roots.

        Raises:
            EvaluationError: one is not a folder.
        """
        for root in roots:
            if not root.is_dir():
                raise EvaluationError(f"{root}: no such folder: give the root of KITTI's odometry data or KITTI-360")
        return cls(tuple(roots))

    def path(self, drive: str) -> Path:
        """Return the folder of a drive such as ``kitti/08`` or ``kitti-360/0000``, whether or not it exists.

        Raises:
            EvaluationError: the dataset is not known.
        """
        dataset, _, number = drive.partition("/")
        if dataset == KITTI:
            layouts = [f"dataset/sequences/{number}", f"sequences/{number}"]
        elif dataset == KITTI_360:
            layouts = [f"data_2d_raw/2013_05_28_drive_{number}_sync"]
        else:
            raise EvaluationError(f"drive {drive!r}: unknown dataset: use kitti/NN or kitti-360/NNNN")
        folders = [root / layout for root in self.roots for layout in layouts]
        return next((folder for folder in folders if folder.is_dir()), folders[0])

    def missing(self, drive: str) -> list[str]:
        """Return descriptions of the missing data of a drive; empty if the drive is complete."""
        folder = self.path(drive)
        if not folder.is_dir():
            return [f"{drive} ({folder} in none of {', '.join(map(str, self.roots))})"]
        if drive.startswith(f"{KITTI}/"):
            number = folder.name
            needed = {
                "images (image_2)": [folder / "image_2"],
                "scans (velodyne)": [folder / "velodyne"],
                f"poses (poses/{number}.txt, or {number}/poses.txt of SemanticKITTI)": [
                    folder.parent.parent / f"poses/{number}.txt",
                    folder / "poses.txt",
                ],
            }
        else:
            root = folder.parent.parent
            needed = {
                "images (image_00/data_rect)": [folder / "image_00/data_rect"],
                "scans (data_3d_raw)": [root / "data_3d_raw" / folder.name / "velodyne_points/data"],
                "poses (data_poses)": [root / "data_poses" / folder.name / "poses.txt"],
                "calibration": [root / "calibration"],
            }
        return [f"{drive}: {what}" for what, paths in needed.items() if not any(path.exists() for path in paths)]
