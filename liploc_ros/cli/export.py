"""``liploc export``: from a checkpoint of training to a model bundle."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.train import TrainingUnavailableError


def export(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.pt of a training run, or its folder.")],
    out: Annotated[
        Path, typer.Argument(help="Folder of the model bundle to write; a bundle that is there is replaced.")
    ],
    confidence_model: Annotated[
        Path | None,
        typer.Option(
            help="Bundle or .json whose acceptance is taken over; when left out, the run's own if it held out a drive."
        ),
    ] = None,
) -> None:
    """Write the model bundle of a checkpoint: both encoders as ONNX, checked against torch, and a model card."""
    try:
        from liploc_ros.learning.run import export_checkpoint
    except ImportError as error:
        raise TrainingUnavailableError(f"export needs {error.name}: pip install 'liploc_ros[train]'") from error
    bundle = export_checkpoint(checkpoint, out, confidence_model)
    typer.echo(f"{out}: model {bundle.id[:12]} after {bundle.spec.training.steps} steps")
