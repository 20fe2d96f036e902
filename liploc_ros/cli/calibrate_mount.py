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
    """Print how much lower or higher each camera looks than its mount says, and the corrected mount.

    Each image is localized with views at several tilts. The tilt of a camera is the median over its accepted images.
    Only the elevation of the optical axis is measured: not its heading, roll or position. The corrected mount is an
    entry of the ROS parameter sensor_mounts and of --sensor-mount.
    """
    start_work()
    import numpy as np
    from tqdm import tqdm

    from liploc_ros.cli.inputs.images import open_images
    from liploc_ros.datasets import DatasetError
    from liploc_ros.datasets.mounts import format_mount
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.geometry import MountedCamera
    from liploc_ros.localization import Localizer
    from liploc_ros.localization.tilt import MIN_IMAGES, tilted
    from liploc_ros.mapping import LidarMap

    bundle = ModelBundle.load(model)
    localizer = Localizer(LidarMap.load(map_path, bundle), bundle)
    cameras: dict[str, MountedCamera] = {}
    counts: dict[str, int] = {}
    for image in tqdm(open_images([drive], None, recording), desc="localize"):
        camera = image.camera()
        cameras[camera.frame_id] = camera
        counts[camera.frame_id] = counts.get(camera.frame_id, 0) + 1
        localizer.localize(image.read(), camera, image.stamp_ns)
    unknown = []
    for frame_id, camera in cameras.items():
        tilt = localizer.tilt_of(camera)
        if not tilt.is_known:
            unknown.append(f"{frame_id} ({tilt.images} of {counts[frame_id]} images were accepted)")
            continue
        side = "lower" if tilt.tilt > 0 else "higher"
        typer.echo(f"{frame_id}: looks {abs(np.rad2deg(tilt.tilt)):.2f} degrees {side}, from {tilt.images} images")
        typer.echo(f'  sensor_mounts: ["{format_mount(frame_id, tilted(camera, tilt.tilt).T_base_camera)}"]')
    if unknown or not cameras:
        raise DatasetError(
            f"{drive}: the tilt of {', '.join(unknown) or 'no camera'} is not known: it takes {MIN_IMAGES} accepted "
            "images that agree; give a longer drive on the map, or a mount that is right to two degrees"
        )
