# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Draw all pictures of README and docs from the demo recording: `make figures`."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.figures.convergence import write_convergence
from benchmarks.figures.drive import FIRST_IMAGE, Street
from benchmarks.figures.pipeline import draw_pipeline
from benchmarks.figures.recall import draw_recall, read_table
from benchmarks.figures.style import use_style
from liploc_ros.localization import TrackingState

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SEVERAL = 1  # the image after which the pipeline figure shows several hypotheses


def figures(
    out: Annotated[Path, typer.Option(help="Folder of the pictures.")] = FOLDER,
    map_folder: Annotated[
        Path | None, typer.Option("--map", help="A map of the demo, such as out/demo/map; built anew if left out.")
    ] = None,
) -> None:
    """Write convergence.webp, pipeline.webp and held_out.webp."""
    out.mkdir(parents=True, exist_ok=True)
    use_style()
    draw_recall(read_table()).save(out / "held_out.webp")
    typer.echo(f"{out / 'held_out.webp'}: from the table of docs/benchmarks.md")
    typer.echo("building the map of the demo ..." if map_folder is None else f"{map_folder}: loading ...")
    street = Street(map_folder=map_folder)
    tracked = street.track(FIRST_IMAGE)
    known = next((one for one in tracked if one.result.state is TrackingState.LOCALIZED), tracked[-1])
    draw_pipeline(street, tracked[SEVERAL], known).save(out / "pipeline.webp")
    typer.echo(f"{out / 'pipeline.webp'}: views, features and search of an image of the demo")
    typer.echo(f"{out / 'convergence.webp'}: {write_convergence(out / 'convergence.webp', street, tracked)}")


if __name__ == "__main__":
    typer.run(figures)
