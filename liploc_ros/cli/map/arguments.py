# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Arguments that several verbs of ``liploc map`` have."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from liploc_ros.mapping import Manifest

MapArgument = Annotated[Path, typer.Argument(help="Folder of the map.")]
NewMapArgument = Annotated[Path, typer.Argument(help="Folder of the map to write. An existing map is replaced.")]


def report_written(out: Path, manifest: "Manifest") -> None:
    """Print what was written."""
    typer.echo(
        f"{out}: {manifest.places} places along {manifest.path_length:.0f} m in {len(manifest.tiles)} tiles, "
        f"{manifest.size_bytes / 1e6:.1f} MB"
    )
