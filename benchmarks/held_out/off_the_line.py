# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Evaluate the held-out models in other lanes, with fewer beams and other cameras: `make off-the-line`.

Maps are coded, and all lateral offsets are searched, as by default.
"""

from collections.abc import Iterator, Sequence

import typer

from benchmarks.held_out.commands import DRIVES, EVALUATIONS, MODELS, Command, KittiData, KittiOption, run_all

CONDITIONS = (
    *("gap-8", "camera-right", "lane-1", "lane-1.75", "lane-3.5", "reverse", "beams-32", "beams-16"),
    *("crop-60", "crop-45", "crop-30", "tilt-2", "tilt--2", "roll-2", "roll--2"),
    *("covered-20", "blur-3", "dark-0.3", "grey"),
)
LANES = ("lane-1.75", "lane-3.5", "lane--3.5")


def commands(kitti: KittiData) -> Iterator[Command]:
    """Yield the evaluations of all drives; in the second of each, the lateral position is known."""
    for drive in DRIVES:
        model = ["--coded", "--gaps", "", "--model", str(MODELS / f"aligned_{drive}"), "--out"]
        evaluate = ["evaluate", kitti.drive(drive)]
        off_the_line = [*_protocols(CONDITIONS), "--headings", "all", *model]
        yield [*evaluate, *off_the_line, str(EVALUATIONS / f"off_the_line_{drive}")]
        lateral_known = [*_protocols(LANES), "--places", "recorded", *model]
        yield [*evaluate, *lateral_known, str(EVALUATIONS / f"lateral_known_{drive}")]


def _protocols(names: Sequence[str]) -> Command:
    return [part for name in names for part in ("--protocol", name)]


def main(kitti: KittiOption) -> None:
    """Evaluate the models of `make held-out`."""
    run_all(commands(KittiData.of(kitti)))


if __name__ == "__main__":
    typer.run(main)
