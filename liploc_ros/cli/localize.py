# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc localize``: find where images were taken."""

import json
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import Backend, ModelOption
from liploc_ros.cli.recording import RecordingOptions, with_recording_options
from liploc_ros.cli.terminal import start_work


@with_recording_options
def localize(
    map_path: Annotated[Path, typer.Argument(metavar="MAP", help="Folder of the map.")],
    images: Annotated[list[Path], typer.Argument(help="Image files, or a bag or KITTI raw drive for all its images.")],
    camera: Annotated[
        Path | None,
        typer.Option(
            help="For image files: a YAML file of camera_calibration. An additional key `mount` gives the pose of the "
            "optical frame in the base frame: {translation: [x, y, z] in m, rotation: [x, y, z, w]}. Without it the "
            "camera is at the origin of the base frame and looks forward. Image files in a KITTI raw drive need none."
        ),
    ] = None,
    model: ModelOption = None,
    backend: Annotated[
        Backend, typer.Option(help="Runtime of the camera encoder. auto: the fastest that works.")
    ] = "auto",
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object per line, with covariance, instead of a table.")
    ] = False,
    recording: RecordingOptions = RecordingOptions(),  # noqa: B008  frozen
) -> None:
    """Print the pose at which each image was taken, and status.

    The pose is that of the vehicle's base in the map. The probability compares it with all other places of the map.
    The confidence is the estimated rate at which results that look like this one are correct. SUCCESS needs both to be
    high.

    An image that cannot be used is reported in its row, and the exit status is 1.
    """
    start_work()
    from rich.console import Console

    from liploc_ros.cli.inputs.images import open_images
    from liploc_ros.cli.tables.localization import ImageResult, as_dict, localization_table, localize_image
    from liploc_ros.datasets import DatasetError
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.errors import LiplocError
    from liploc_ros.localization import Localizer, LocalizerConfig, Status
    from liploc_ros.localization.config import EncoderConfig
    from liploc_ros.mapping import LidarMap
    from liploc_ros.views import ViewError

    inputs = open_images(images, camera, recording)
    bundle = ModelBundle.load(model)
    localizer = Localizer(
        LidarMap.load(map_path, bundle), bundle, LocalizerConfig(encoder=EncoderConfig(backend=backend))
    )
    localizer.warm_up()
    results: list[ImageResult] = []
    for image in inputs:
        results.append(localize_image(localizer, image))
        if as_json:
            typer.echo(json.dumps(as_dict(results[-1], localizer.lidar_map)))
    errors = [result.outcome for result in results if isinstance(result.outcome, LiplocError)]
    if len(errors) == len(results) == 1:
        if isinstance(errors[0], ViewError):  # others name the file themselves
            raise DatasetError(f"{results[0].image.name}: {errors[0]}") from errors[0]
        raise errors[0]
    if not as_json:
        Console().print(localization_table(results))
        for result in results:
            if isinstance(result.outcome, LiplocError):
                typer.echo(f"{result.image.name}: {result.outcome}")
            elif result.outcome.status is not Status.SUCCESS:
                typer.echo(f"{result.image.name}: {result.outcome.message}")
    if errors:
        raise DatasetError(f"{len(errors)} of {len(results)} images cannot be used, the first: {errors[0]}")
