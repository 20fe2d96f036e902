# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc calibrate-mount``: the tilt of cameras, from a drive on the map."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import ModelOption
from liploc_ros.cli.recording import RecordingOptions, with_recording_options
from liploc_ros.cli.terminal import start_work


@with_recording_options
def calibrate_mount(
    map_path: Annotated[Path, typer.Argument(metavar="MAP", help="Map on which the recording was driven.")],
    drive: Annotated[Path, typer.Argument(help="Bag or KITTI raw drive whose images are localized.")],
    model: ModelOption = None,
    recording: RecordingOptions = RecordingOptions(),  # noqa: B008  frozen
) -> None:
    """Measure the error of a camera's mount in pitch and roll.

    Each image is localized with views at several tilts. The tilt of a camera is the median over its accepted images.
    Heading and position of the mount are not measured. The corrected mount is
    printed as an entry of the ROS parameter sensor_mounts and of --sensor-mount.
    """
    start_work()
    from tqdm import tqdm

    from liploc_ros.cli.inputs.images import IMAGES
    from liploc_ros.datasets import DatasetError, open_drive
    from liploc_ros.datasets.mounts import format_mount
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.localization import Localizer, LocalizerConfig
    from liploc_ros.localization.config import MatchingConfig
    from liploc_ros.localization.tilt import MIN_IMAGES, tilted
    from liploc_ros.mapping import LidarMap

    opened = open_drive(drive, recording.topics(), needs=IMAGES, options=recording.options())
    frames = list(opened.images())
    bundle = ModelBundle.load(model)
    # The tilt never counts as known, so that every image is searched at all tilts.
    config = LocalizerConfig(matching=MatchingConfig(tilt_images=max(MIN_IMAGES, len(frames) + 1)))
    localizer = Localizer(LidarMap.load(map_path, bundle), bundle, config)
    for frame in tqdm(frames, desc="localize"):
        for frame_id, read in frame.images.items():
            localizer.localize(read(), opened.cameras[frame_id], frame.stamp_ns)
    unknown = []
    for frame_id, camera in opened.cameras.items():
        tilt, images = localizer.tilt_of(camera), sum(frame_id in frame.images for frame in frames)
        if not tilt.agrees(MIN_IMAGES):
            unknown.append(f"{frame_id} ({tilt.images} of {images} images were accepted)")
            continue
        pitch, roll = tilt.tilt.degrees
        typer.echo(
            f"{frame_id}: pitch {pitch:+.2f}, roll {roll:+.2f} degrees from {tilt.images} images; positive: it looks "
            "lower than its mount says, and is turned clockwise"
        )
        typer.echo(f'  sensor_mounts: ["{format_mount(frame_id, tilted(camera, tilt.tilt).T_base_camera)}"]')
    if unknown or not opened.cameras:
        raise DatasetError(
            f"{drive}: the tilt of {', '.join(unknown) or 'no camera'} is not known: it takes {MIN_IMAGES} accepted "
            "images that agree; give a longer drive on the map, or a mount that is right to two degrees"
        )
