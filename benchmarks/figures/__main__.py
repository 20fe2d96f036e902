# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Draw all pictures of README and docs from the demo recording: `make figures`."""

from pathlib import Path
from typing import Annotated

import cv2
import typer

from benchmarks.figures.convergence import animate, describe
from benchmarks.figures.drive import FIRST_IMAGE, Street
from benchmarks.figures.pipeline import draw_pipeline
from benchmarks.figures.recall import draw_recall, read_table
from benchmarks.figures.style import use_style
from liploc_ros.errors import LiplocError
from liploc_ros.files import write_file
from liploc_ros.localization import TrackingState
from liploc_ros.threads import limit_threads

FOLDER = Path(__file__).parents[2] / "docs" / "images"
SEVERAL = 1  # the image after which the pipeline figure shows several hypotheses


def figures(
    out: Annotated[Path, typer.Option(help="Folder of the pictures.")] = FOLDER,
    map_folder: Annotated[
        Path | None, typer.Option("--map", help="A map of the demo, such as out/demo/map; built if left out.")
    ] = None,
) -> None:
    """Write held_out.webp, pipeline.webp and convergence.webp."""
    try:
        _draw(out, map_folder)
    except LiplocError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(1) from error


def _draw(out: Path, map_folder: Path | None) -> None:
    if not hasattr(cv2, "imencodeanimation"):
        raise LiplocError(f"OpenCV {cv2.__version__} writes no animations: pip install 'opencv-python-headless>=4.12'")
    limit_threads()
    use_style()
    _write(out / "held_out.webp", draw_recall(read_table()).webp(), "the table of docs/benchmarks.md")
    typer.echo("building the map of the demo ..." if map_folder is None else f"{map_folder}: loading ...")
    street = Street(map_folder=map_folder)
    tracked = street.track(FIRST_IMAGE)
    known = next((one for one in tracked if one.result.state is TrackingState.LOCALIZED), tracked[-1])
    pipeline = draw_pipeline(street, tracked[SEVERAL], known)
    _write(out / "pipeline.webp", pipeline.webp(), "views, features and search of an image of the demo")
    _write(out / "convergence.webp", animate(street, tracked), describe(tracked))


def _write(path: Path, data: bytes, content: str) -> None:
    write_file(path, data)
    typer.echo(f"{path}: {len(data) / 1e6:.2f} MB; {content}")


if __name__ == "__main__":
    typer.run(figures)
