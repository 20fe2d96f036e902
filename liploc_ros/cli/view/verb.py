# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc view``: a page for the browser."""

import os
import threading
import webbrowser
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import Backend, CameraOption, ModelOption
from liploc_ros.cli.recording import RecordingOptions, with_recording_options
from liploc_ros.cli.terminal import start_work

PORT = 8080
RATE = 1.0


@with_recording_options
def view(
    map_path: Annotated[Path, typer.Argument(metavar="MAP", help="Folder of the map.")],
    bag: Annotated[
        Path | None, typer.Argument(metavar="BAG", help="Bag or KITTI drive whose images are localized and shown.")
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Show the results of a running localizer instead, received over DDS.")
    ] = False,
    localizer_name: Annotated[
        str, typer.Option("--localizer", help="With --live: full name of the node. Default: the only one that runs.")
    ] = "",
    wait: Annotated[float, typer.Option(min=0, help="With --live: time to wait for the localizer [s].")] = 20.0,
    host: Annotated[
        str, typer.Option(help="Address to listen on. 0.0.0.0: also for other machines; there is no password.")
    ] = "localhost",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = PORT,
    open_browser: Annotated[
        bool | None, typer.Option("--open/--no-browser", help="Open the browser. Default: if there is a screen.")
    ] = None,
    rate: Annotated[float, typer.Option(min=0.001, max=1000, help="Playback speed relative to the recording.")] = RATE,
    paused: Annotated[bool, typer.Option("--paused", help="Wait for Play or Step before the first image.")] = False,
    odometry: Annotated[
        bool | None,
        typer.Option(
            "--odometry/--no-odometry",
            help="Track with the poses of the recording as odometry. Default: if it has any.",
        ),
    ] = None,
    camera: CameraOption = None,
    model: ModelOption = None,
    backend: Annotated[
        Backend, typer.Option(help="Runtime of the camera encoder. auto: the fastest that works.")
    ] = "auto",
    recording: RecordingOptions = RecordingOptions(),  # noqa: B008  frozen
) -> None:
    """Show a map and the results of localization in the browser.

    With BAG, its images are localized here. With --live, the page shows what a localizer node publishes. Without both,
    the page shows the map. It works offline. Ctrl-C ends it.
    """
    from liploc_ros.errors import LiplocError

    if find_spec("viser") is None:
        raise LiplocError("liploc view needs viser: pip install 'liploc_ros[view]'")
    if live and bag is not None:
        raise LiplocError(f"{bag}: --live shows a running localizer: leave out the recording, or --live")
    if localizer_name and not live:
        raise LiplocError(f"--localizer {localizer_name}: applies to --live: add --live")
    start_work()
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.mapping import LidarMap
    from liploc_ros.view.page import ViewPage
    from liploc_ros.view.playback import Playback
    from liploc_ros.view.server import check_address, serve

    check_address(host, port)
    bundle = ModelBundle.load(model)
    if live:
        from liploc_ros.view.live import LiveSource

        lidar_map = LidarMap.load(map_path, bundle, verify=False)
        with LiveSource(localizer_name, wait) as live_source, serve(host, port) as server:
            page = ViewPage(server, lidar_map, f"waiting for results of {live_source.localizer}")
            announce(host, port, open_browser)
            live_source.run(page, lidar_map)
        return
    if bag is None:
        if given := recording.given():
            raise LiplocError(f"{', '.join(given)} applies to a recording: give one after the map")
        lidar_map = LidarMap.load(map_path, bundle, verify=False)
        with serve(host, port) as server:
            ViewPage(server, lidar_map, "")
            announce(host, port, open_browser)
            wait_for_interrupt()
        return
    from liploc_ros.cli.view.images import images_of_camera, open_recording
    from liploc_ros.localization import LocalizerConfig
    from liploc_ros.localization.config import EncoderConfig
    from liploc_ros.localization.long_map import localizer_on
    from liploc_ros.mapping.inspection.map_view import with_points
    from liploc_ros.view.recording import RecordingSource

    drive, why_no_odometry = open_recording(bag, recording, odometry)
    images = images_of_camera(drive, camera)
    localizer = localizer_on(map_path, bundle, LocalizerConfig(encoder=EncoderConfig(backend=backend)))
    localizer.warm_up()
    playback = Playback(rate, paused=paused)
    with serve(host, port) as server, suppress(KeyboardInterrupt):
        page = ViewPage(server, with_points(localizer.lidar_map), f"{len(images)} images of {drive.name}", playback)
        announce(host, port, open_browser)
        RecordingSource(images, localizer, playback, page, why_no_odometry).run()


def announce(host: str, port: int, open_browser: bool | None) -> None:
    """Print the address, and open it in the browser."""
    shown = "localhost" if host in ("0.0.0.0", "::") else host
    address = f"http://{shown}:{port}"
    typer.echo(f"{address}   (Ctrl-C ends it)")
    has_screen = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if has_screen if open_browser is None else open_browser:
        webbrowser.open(address)


def wait_for_interrupt() -> None:
    """Wait for Ctrl-C."""
    with suppress(KeyboardInterrupt):
        while not threading.Event().wait(3600):
            pass
