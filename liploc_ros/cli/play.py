# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc play``: publish a bag."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.terminal import progress_bar


def play(
    bag: Annotated[Path, typer.Argument(help="A rosbag2 folder, an .mcap or a .db3 file.")],
    rate: Annotated[float, typer.Option(min=0.001, max=1000, help="Playback speed relative to the recording.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Start again at the end, until Ctrl-C.")] = False,
    topics: Annotated[list[str] | None, typer.Option(help="Play only this topic. Can be repeated.")] = None,
    clock: Annotated[float, typer.Option(min=0, max=1000, help="Rate of /clock [Hz]. 0 publishes no clock.")] = 40.0,
    wait_for_subscribers: Annotated[
        float, typer.Option(min=0, help="Maximum time to wait until the topics have subscribers [s].")
    ] = 0.0,
) -> None:
    """Publish the messages of a bag as ROS 2 topics and /clock.

    Nodes that follow the bag's time need the parameter use_sim_time. Topics whose message type is not installed are
    skipped with a warning.
    """
    from liploc_ros.datasets.bag.file import BagFile

    with BagFile(bag) as file:
        file.check_cdr()
    from liploc_ros.nodes.bag_player.node import play as play_bag
    from liploc_ros.nodes.bag_player.parameters import BagPlayerParameters

    parameters = BagPlayerParameters(
        bag=str(bag),
        rate=rate,
        loop=loop,
        clock=clock,
        topics=tuple(topics or ()),
        wait_for_subscribers=wait_for_subscribers,
    )
    with progress_bar(bag.name, "msg", only_on_terminal=True) as progress:
        code = play_bag(parameters, progress)
    raise typer.Exit(code)
