# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map merge``."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.map.arguments import NewMapArgument, report_written
from liploc_ros.cli.options import ModelOption
from liploc_ros.cli.terminal import start_work


def merge(
    maps: Annotated[list[Path], typer.Argument(help="Folders of the maps, of sessions in one map frame.")],
    out: NewMapArgument,
    model: ModelOption = None,
    same_frame: Annotated[
        bool,
        typer.Option("--same-frame", help="The maps are in one frame although their datums differ in words."),
    ] = False,
) -> None:
    """Merge the maps of several sessions."""
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.mapping.editing.merge import merge_maps

    start_work()
    report_written(out, merge_maps(maps, out, ModelBundle.load(model), same_frame=same_frame))
