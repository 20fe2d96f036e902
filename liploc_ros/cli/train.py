"""``liploc train``: train the encoders and export the model bundle."""

import os
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.errors import LiplocError


class TrainingUnavailableError(LiplocError):
    """torch is not installed."""


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe of the package, or a YAML file.")] = "aligned",
    drives: Annotated[
        list[Path] | None, typer.Option("--drive", help="Recording to train on: folder or bag. Repeat for more.")
    ] = None,
    singles: Annotated[
        list[Path] | None, typer.Option("--singles", help="Split of KITTI's object benchmark, for single frames.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the model bundle to write.")] = Path("out/model"),
    trunk: Annotated[
        Path | None, typer.Option(help="ImageNet weights (safetensors); timm downloads them when left out.")
    ] = None,
    held_out: Annotated[
        Path | None, typer.Option(help="Drive that is not trained on: recall is measured and acceptance set on it.")
    ] = None,
    confidence_model: Annotated[
        Path | None, typer.Option(help="Bundle or .json whose acceptance is taken over, where no drive is held out.")
    ] = None,
    run_folder: Annotated[
        Path | None, typer.Option(help="Folder for checkpoints and TensorBoard; out/runs/NAME when left out.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint of a run that stopped.")] = False,
    steps: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's number of steps.")] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipe. Repeat for more.")
    ] = None,
) -> None:
    """Train both encoders and write a model bundle for `--model`."""
    try:
        from liploc_ros.learning.recipe import changes_of
        from liploc_ros.learning.run import TrainingRun
    except ImportError as error:
        raise TrainingUnavailableError(f"training needs {error.name}: pip install 'liploc_ros[train]'") from error
    run = TrainingRun.prepare(recipe, drives or [], singles or [], steps, changes_of(changes or []))
    folder = run_folder or Path("out/runs") / out.absolute().name
    bundle, said = run.execute(out, trunk, held_out, confidence_model, folder, resume)
    if os.environ.get("RANK", "0") != "0":  # one of torchrun's; the first tells
        return
    left_out = f", {len(run.skipped)} left out that cannot be read" if run.skipped else ""
    typer.echo(f"{out}: model {bundle.id[:12]} trained on {len(run.samples)} frames{left_out}; run in {folder}")
    if said:
        typer.echo(said)
