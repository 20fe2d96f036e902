# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map geojson``."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.map.arguments import MapArgument


def geojson(
    path: MapArgument,
    out: Annotated[Path, typer.Argument(help="GeoJSON file to write.")],
    latitude: Annotated[
        float | None, typer.Option(min=-90, max=90, help="Of the origin of the map frame [degrees].")
    ] = None,
    longitude: Annotated[
        float | None, typer.Option(min=-180, max=180, help="Of the origin of the map frame [degrees].")
    ] = None,
    heading: Annotated[
        float, typer.Option(min=0, max=360, help="Of the x axis of the map frame, clockwise from north [degrees].")
    ] = 90.0,
) -> None:
    """Write the path of a map as GeoJSON. The position of the map frame is that of the map, or the one given."""
    from liploc_ros.files import write_file
    from liploc_ros.geometry.geodesy import GeodeticDatum
    from liploc_ros.mapping import LidarMap
    from liploc_ros.mapping.inspection.geojson import path_to_geojson

    if (latitude is None) != (longitude is None):
        raise typer.BadParameter("give both --latitude and --longitude")
    datum = None
    if latitude is not None and longitude is not None:
        datum = GeodeticDatum(latitude=latitude, longitude=longitude, heading=heading)
    write_file(out, path_to_geojson(LidarMap.load(path, verify=False), datum))
    typer.echo(f"{out}: path of {path}")
