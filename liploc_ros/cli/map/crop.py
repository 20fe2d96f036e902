# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map crop``."""

from typing import Annotated

import typer

from liploc_ros.cli.map.arguments import MapArgument, NewMapArgument, report_written
from liploc_ros.cli.options import ModelOption
from liploc_ros.cli.terminal import start_work


def crop(
    path: MapArgument,
    out: NewMapArgument,
    model: ModelOption = None,
    box: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(help="Two corners of a rectangle in the map frame, x0 y0 x1 y1 [m]."),
    ] = None,
    stations: Annotated[
        tuple[int, int] | None, typer.Option(help="First and last place on the path, in driving order from 0.")
    ] = None,
) -> None:
    """Write a part of a map: the places in a rectangle, or at some stations."""
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.mapping.editing.crop import at_stations, crop_map, in_box

    if (box is None) == (stations is None):
        raise typer.BadParameter("give either --box or --stations")
    chooser = in_box(*box) if box is not None else at_stations(*(stations or (0, 0)))
    start_work()
    report_written(out, crop_map(path, out, chooser, ModelBundle.load(model)))
