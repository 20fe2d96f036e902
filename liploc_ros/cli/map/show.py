# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map show``."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.map.arguments import MapArgument
from liploc_ros.cli.terminal import start_work


def show(
    path: MapArgument,
    out: Annotated[Path, typer.Argument(help="PNG to write.")] = Path("map.png"),
    place: Annotated[
        int | None, typer.Option(min=0, help="Draw the view at this place instead of the map from above.")
    ] = None,
    heading: Annotated[
        float | None,
        typer.Option(help="Only what a camera with this heading sees [degrees]; 0: ahead, positive: to the left."),
    ] = None,
) -> None:
    """Draw a map from above, with its path, tiles and places, or the view at a place."""
    from liploc_ros.evaluation.reporting.map_pictures import draw_from_above, draw_place
    from liploc_ros.files import check_writable
    from liploc_ros.mapping import LidarMap

    start_work()
    check_writable(out)
    lidar_map = LidarMap.load(path, verify=False)
    if place is None:
        draw_from_above(out, lidar_map)
    else:
        draw_place(out, lidar_map, place, heading)
    typer.echo(f"{out}: {'map from above' if place is None else f'view at place {place}'}")
