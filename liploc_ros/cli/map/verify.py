# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map verify``."""

from typing import Annotated

import typer

from liploc_ros.cli.map.arguments import MapArgument
from liploc_ros.cli.options import ModelOption
from liploc_ros.cli.terminal import start_work


def verify(
    path: MapArgument,
    model: ModelOption = None,
    samples: Annotated[
        int, typer.Option(min=0, help="Places that are drawn from the points of the map and encoded again.")
    ] = 8,
) -> None:
    """Check the checksum of every file, the poses, and that the features fit the model and the points of the map."""
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.mapping.inspection.check import check_map

    start_work()
    found = check_map(path, ModelBundle.load(model), samples)
    encoded = f"{found.encoded} encoded again: mean cosine {found.similarity:.2f}"
    if not found.encoded:
        encoded = "none encoded again" + ("" if samples == 0 else ": the map has no points")
    typer.echo(
        f"{path}: intact, {found.lidar_map.manifest.places} places, {found.gaps} gaps in the path, {encoded}, "
        f"id {found.lidar_map.id[:12]}"
    )
