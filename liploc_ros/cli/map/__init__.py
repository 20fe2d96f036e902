# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map``: build, inspect and change maps."""

import typer

from liploc_ros.cli.map.build import build
from liploc_ros.cli.map.crop import crop
from liploc_ros.cli.map.geojson import geojson
from liploc_ros.cli.map.info import info
from liploc_ros.cli.map.merge import merge
from liploc_ros.cli.map.show import show
from liploc_ros.cli.map.upgrade import upgrade
from liploc_ros.cli.map.verify import verify

app = typer.Typer(help="Build, inspect and change maps.", no_args_is_help=True, rich_markup_mode=None)
for verb in (build, info, verify, show, merge, crop, upgrade, geojson):
    app.command()(verb)
