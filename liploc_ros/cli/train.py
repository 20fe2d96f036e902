"""``liploc train``: train the encoders and export the model bundle."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.errors import LiplocError


class TrainingUnavailableError(LiplocError):
    """torch is not installed."""


def train(
    recipe: Annotated[str, typer.Argument(help="Name of a recipe of the package, or a YAML file.")] = "aligned",
    drives: Annotated[
        list[Path] | None, typer.Option("--drive", help="Drive to train on: KITTI raw folder. Repeat for more.")
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
    acceptance: Annotated[
        Path | None, typer.Option(help="Bundle whose acceptance is taken over, where no drive can be held out.")
    ] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Instead of the recipe's number of steps.")] = None,
) -> None:
    """Train both encoders and write a model bundle for `--model`."""
    try:
        from liploc_ros.learning.calibrate import summary
        from liploc_ros.learning.run import TrainingRun
    except ImportError as error:
        raise TrainingUnavailableError(f"training needs {error.name}: pip install 'liploc_ros[train]'") from error
    run = TrainingRun.prepare(recipe, drives or [], singles or [], steps)
    bundle, trials = run.execute(out, trunk, held_out, acceptance)
    typer.echo(f"{out}: model {bundle.id[:12]} trained on {len(run.samples)} frames")
    if trials:
        typer.echo(summary(trials, bundle.spec.acceptance))
