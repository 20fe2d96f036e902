# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc export``: write the model bundle of a training checkpoint."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import ConfidenceModelOption
from liploc_ros.cli.terminal import start_work
from liploc_ros.cli.train import training_imports


def export(
    checkpoint: Annotated[Path, typer.Argument(help="checkpoint.pt of a training run, or its folder.")],
    out: Annotated[Path, typer.Argument(help="Folder of the model bundle to write. An existing bundle is replaced.")],
    confidence_model: ConfidenceModelOption = None,
) -> None:
    """Write the model bundle of a training checkpoint.

    It holds both encoders as ONNX files, which are compared with torch, and a model card.
    """
    start_work()
    with training_imports("export"):
        from liploc_ros.learning.run import export_checkpoint
    bundle = export_checkpoint(checkpoint, out, confidence_model)
    typer.echo(f"{out}: model {bundle.id[:12]} after {bundle.spec.training.steps} steps")
