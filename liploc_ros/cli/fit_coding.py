# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc fit-coding``: fit the coding by which maps of a model are stored in few bytes."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.recording import RecordingOptions, with_recording_options
from liploc_ros.cli.terminal import start_work


@with_recording_options
def fit_coding(
    model: Annotated[Path, typer.Argument(help="Folder of the model bundle. Its coding.npz is written or replaced.")],
    drives: Annotated[
        list[Path], typer.Argument(metavar="DRIVE...", help="Recordings with a LiDAR, such as those of the training.")
    ],
    keep_maps: Annotated[
        bool,
        typer.Option(help="Fit the coding of features only, and keep the previous one, so that coded maps are read."),
    ] = False,
    recording: RecordingOptions = RecordingOptions(),  # noqa: B008  frozen
) -> None:
    """Fit the coding by which maps of a model take few bytes.

    It is fitted to what the LiDAR encoder gives for places along the path of the drives and beside it. Maps with
    features stored as integers remain valid. A coded map needs the coding by which it was coded: with --keep-maps, the
    bundle holds the previous one as well.
    """
    start_work()
    from tqdm import tqdm

    from liploc_ros.datasets import open_drive
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.encoders.coding import CODING_FILE
    from liploc_ros.mapping.fit_coding import fit_map_coding

    bundle = ModelBundle.load(model)
    opened = [open_drive(path, recording.topics(), options=recording.options()) for path in drives]
    with tqdm(desc="places", unit="place") as bar:
        coding = fit_map_coding(opened, bundle, lambda done, total: bar.update(), keep_maps=keep_maps)
    bundle.write_coding(coding)
    size = (bundle.path / CODING_FILE).stat().st_size / 1e6
    typer.echo(
        f"{bundle.path / CODING_FILE}: coding {coding.id[:12]}, {coding.features.bytes} bytes per "
        f"{coding.features.block} columns of cells and "
        f"{coding.descriptors.bytes} per descriptor; {size:.1f} MB"
    )
