# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc export``: write the model bundle of a training checkpoint, or add fp16 files to a bundle."""

import logging
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import ConfidenceModelOption
from liploc_ros.cli.terminal import start_work
from liploc_ros.cli.train import training_imports
from liploc_ros.files import expand_path


def export(
    source: Annotated[
        Path, typer.Argument(help="checkpoint.pt of a training run, or its folder; or a bundle without fp16 files.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder of the model bundle to write. An existing bundle is replaced.")],
    confidence_model: ConfidenceModelOption = None,
) -> None:
    """Write the model bundle of a training checkpoint.

    It holds both encoders as ONNX files in fp32 and fp16, which are compared with torch, and a model card. If SOURCE is
    a bundle, OUT is a copy with fp16 files; it may be the same folder. Maps remain valid.
    """
    start_work(logging.INFO)
    with training_imports("export"):
        from liploc_ros.encoders.bundle import SPEC_FILE
        from liploc_ros.learning.export.exporter import add_fp16_files
        from liploc_ros.learning.run import export_checkpoint
    if (expand_path(source) / SPEC_FILE).is_file():
        if confidence_model is not None:
            raise typer.BadParameter("only with a checkpoint: use liploc calibrate", param_hint="--confidence-model")
        bundle = add_fp16_files(source, out)
    else:
        bundle = export_checkpoint(source, out, confidence_model)
    precisions = "fp32 and fp16" if bundle.spec.has_fp16 else "fp32"
    typer.echo(f"{out}: model {bundle.id[:12]} after {bundle.spec.training.steps} steps, in {precisions}")
