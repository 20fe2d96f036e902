"""``liploc play``: publish a bag."""

from pathlib import Path
from typing import Annotated

import typer
from tqdm import tqdm

from liploc_ros.cli.progress import advance


def play(
    bag: Annotated[Path, typer.Argument(help="A rosbag2 folder, an .mcap or a .db3 file.")],
    rate: Annotated[float, typer.Option(min=0.001, max=1000, help="How many times as fast as recorded.")] = 1.0,
    loop: Annotated[bool, typer.Option("--loop", help="Start again at the end, until Ctrl-C.")] = False,
    topics: Annotated[list[str] | None, typer.Option(help="Play only this topic; may be repeated.")] = None,
    clock: Annotated[float, typer.Option(min=0, max=1000, help="Rate of /clock [Hz]; 0 publishes none.")] = 40.0,
    wait_for_subscribers: Annotated[
        float, typer.Option(min=0, help="Seconds to wait at most until the topics have subscribers.")
    ] = 0.0,
) -> None:
    """Publish the messages of a bag as ROS 2 topics, with /clock, in their recorded time.

    Nodes that are to follow the bag's time need the parameter use_sim_time. Topics whose message type is not installed
    are left out with a warning.
    """
    # Not above: the rest of the command line works without ROS 2.
    from liploc_ros.nodes.bag_player.node import play as play_bag
    from liploc_ros.nodes.bag_player.parameters import BagPlayerParameters

    settings = BagPlayerParameters(
        bag=str(bag),
        rate=rate,
        loop=loop,
        clock=clock,
        topics=tuple(topics or ()),
        wait_for_subscribers=wait_for_subscribers,
    )
    with tqdm(desc=bag.name, unit="msg", disable=None) as bar:
        code = play_bag(settings, advance(bar))
    raise typer.Exit(code)
