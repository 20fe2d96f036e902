# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Commands of liploc, and the KITTI drives that they use."""

import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

DATE = "2011_09_26"
DRIVES = ("0001", "0005", "0013")
SPLITS = ("training", "testing", "unknown_split")  # of the object benchmark
MODELS, EVALUATIONS, CALIBRATION = Path("out/held_out"), Path("out/evaluation"), Path("out/calibration")
Command = list[str]

KittiOption = Annotated[Path, typer.Option("--kitti", help="Folder of KITTI raw data, with object/ beside the dates.")]
TrunkOption = Annotated[Path | None, typer.Option("--trunk", help="Pretrained weights to start from.")]
MoreArguments = Annotated[list[str] | None, typer.Argument(help="More arguments of liploc train, after --.")]


@dataclass(frozen=True)
class KittiData:
    """KITTI raw drives of one day, and single frames of KITTI's object benchmark."""

    root: Path

    @classmethod
    def of(cls, root: Path) -> "KittiData":
        """Return the data; ends the program if the folder has no drives of that day."""
        if not (root / DATE).is_dir():
            typer.echo(f"KITTI={root}: contains no folder {DATE}: give the folder of KITTI raw data", err=True)
            raise typer.Exit(1)
        return cls(root)

    def drive(self, number: str) -> str:
        """Return the folder of a drive."""
        return f"{self.root / DATE / DATE}_drive_{number}_sync"

    def drives(self, numbers: Sequence[str], option: str = "--drive") -> Command:
        """Return an option for each of some drives."""
        return [part for number in numbers for part in (option, self.drive(number))]

    def singles(self, option: str = "--singles") -> Command:
        """Return an option for each folder of single frames."""
        return [part for split in SPLITS for part in (option, str(self.root / "object" / split))]


def others(held_out: str) -> list[str]:
    """Return the drives that are not held out."""
    return [drive for drive in DRIVES if drive != held_out]


def options(name: str, value: object) -> Command:
    """Return an option, or nothing without a value."""
    return [] if value is None else [name, str(value)]


def run_all(commands: Iterator[Command]) -> None:
    """Run commands of liploc one after the other; ends the program with the status of the first that fails."""
    for command in commands:
        typer.echo(f"$ liploc {shlex.join(command)}", err=True)
        status = subprocess.run([sys.executable, "-m", "liploc_ros.cli.main", *command], check=False).returncode
        if status:
            raise typer.Exit(status)
