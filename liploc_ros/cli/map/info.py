# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc map info``."""

from liploc_ros.cli.map.arguments import MapArgument


def info(path: MapArgument) -> None:
    """Show what a map contains."""
    from rich.console import Console

    from liploc_ros.cli.tables.map import map_table
    from liploc_ros.mapping.manifest import read_manifest

    Console().print(map_table(path, read_manifest(path)), soft_wrap=True)
