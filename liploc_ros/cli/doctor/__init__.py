# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc doctor``: check the installation, the ROS graph, a map and cameras."""

import json
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import ModelOption


def doctor(
    map_path: Annotated[Path | None, typer.Option("--map", help="Folder of a map to check.")] = None,
    model: ModelOption = None,
    cameras: Annotated[
        list[Path] | None,
        typer.Option("--camera", help="Calibration file to check, as for liploc localize. Can be repeated."),
    ] = None,
    duration: Annotated[
        float, typer.Option(min=0, max=3600, help="Time to listen to nodes and topics [s]; 0: not at all.")
    ] = 5.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for machines.")] = False,
) -> None:
    """Check the installation, nodes, maps and cameras.

    Each line is OK, WARN or ERROR, and ends with what to do. The exit status is 1 if there is an ERROR.
    """
    from liploc_ros.doctor import DoctorRequest, Level, examine

    report = examine(DoctorRequest(map_path, model, tuple(cameras or ()), duration))
    typer.echo(json.dumps(report.as_dict(), indent=2) if as_json else "\n".join(report.lines()))
    if report.level is Level.ERROR:
        raise typer.Exit(1)
