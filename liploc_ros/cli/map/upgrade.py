# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map upgrade``."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.map.arguments import MapArgument, report_written
from liploc_ros.cli.options import ModelOption
from liploc_ros.cli.terminal import start_work


def upgrade(
    path: MapArgument,
    out: Annotated[Path | None, typer.Argument(help="Folder to write. Default: the map is replaced.")] = None,
    model: ModelOption = None,
    code_features: Annotated[
        bool, typer.Option(help="Store features in about a fifteenth of the bytes, if the model has a coding.")
    ] = True,
) -> None:
    """Write a map of an older format in the newest one."""
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.mapping.editing.upgrade import upgrade_map

    start_work()
    upgraded = upgrade_map(path, out or path, ModelBundle.load(model), code_features=code_features)
    report_written(out or path, upgraded.manifest)
