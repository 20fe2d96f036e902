"""The numbers of docs/benchmarks.md on localization, after `make held-out` and `make calibrate`.

    python -m benchmarks.localization --kitti FOLDER [--drive 0013] [--part singles] --out out/localization

Each part of each drive writes a JSON file; those that are there are not made again. The tables show all that is there.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.localization import singles, strangers, tracks
from benchmarks.localization.tables import tables
from benchmarks.localization.times import times_of
from benchmarks.localization.world import DRIVES, Replay, Scenery, joined, scenery_of
from liploc_ros.encoders import ModelBundle
from liploc_ros.localization import Localizer


class World:
    """A model that never saw a drive, that drive, and the others; maps are drawn once."""

    def __init__(self, kitti: Path, models: Path, drive: str) -> None:
        self.kitti, self.drive = kitti, drive
        self.bundle = ModelBundle.load(models / f"aligned_{drive}")
        self.sceneries = {name: scenery_of(kitti, name, self.bundle) for name in DRIVES}
        self.everywhere = Replay(joined(list(self.sceneries.values()), self.bundle), self.bundle)

    @property
    def own(self) -> Scenery:
        """The drive that the model never saw."""
        return self.sceneries[self.drive]

    @property
    def others(self) -> list[Scenery]:
        """The drives that it was trained on."""
        return [scenery for name, scenery in self.sceneries.items() if name != self.drive]

    def elsewhere(self) -> Replay:
        """Return a localizer whose map lacks the drive."""
        return Replay(joined(self.others, self.bundle), self.bundle)


def single_images(world: World) -> dict[str, object]:
    """Return recall by step, errors and acceptance: among the drive's own places, among all, and turned round."""
    alone = Replay(world.own.lidar_map, world.bundle)
    turned = scenery_of(world.kitti, world.drive, world.bundle, turned_round=True)
    around = Replay(turned.lidar_map, world.bundle)
    return {
        "own map": singles.retrieval_metrics(singles.ask(alone, world.own)),
        "all drives": singles.retrieval_metrics(singles.ask(world.everywhere, world.own)),
        "turned round": singles.retrieval_metrics(singles.ask(around, turned)),
    }


def tracking(world: World) -> dict[str, object]:
    """Return what tracking makes of every start, with odometry and without."""
    return {
        name: tracks.from_every_start(world.everywhere, world.own, by_odometry)
        for name, by_odometry in (("odometry", True), ("no odometry", False))
    }


def kidnapping(world: World) -> dict[str, object]:
    """Return metres until a kidnapping from and to each other drive is noticed and solved."""
    result: dict[str, object] = {}
    for other in world.others:
        for before, after in ((other, world.own), (world.own, other)):
            found = tracks.kidnap(world.everywhere, before, after, warm_up=30, every=2)
            result[f"{before.name} to {after.name}"] = {
                "localized before": found[0].was_localized,
                "noticed": [round(k.noticed, 1) for k in found],
                "solved": [round(k.solved, 1) for k in found],
            }
    return result


def false_accepts(world: World) -> dict[str, object]:
    """Return how many of how many images are wrongly accepted, by kind."""
    everywhere, elsewhere, own = world.everywhere, world.elsewhere(), world.own
    alone = Replay(own.lidar_map, world.bundle)
    standing = Localizer(elsewhere.lidar_map, world.bundle)
    count = strangers.accepted_wrongly
    result = {
        "drive not on the map": count(elsewhere, strangers.images_of(own)),
        "the others, on the drive's map": _sum([count(alone, strangers.images_of(o)) for o in world.others]),
        "single frames": count(everywhere, strangers.singles_of(world.kitti)),
        "blurred, not on the map": count(elsewhere, strangers.blurred(own, on_map=False)),
        "blurred, on the map": count(everywhere, strangers.blurred(own, on_map=True)),
        "black, grey, ramp, noise": count(everywhere, strangers.nothing(own)),
        "repeated 100 times, by tracking": strangers.repeated_wrongly(standing, own, every=10),
        "driven, by tracking": strangers.tracked_wrongly(elsewhere, [own], by_odometry=True),
        "driven, by tracking without odometry": strangers.tracked_wrongly(elsewhere, [own], by_odometry=False),
        "the others driven on the drive's map, by tracking": strangers.tracked_wrongly(alone, world.others, True),
    }
    return {name: list(counts) for name, counts in result.items()}


def times(world: World) -> dict[str, object]:
    """Return milliseconds from image to hypotheses on the map of all drives, and what tracking adds."""
    return times_of(world.everywhere.lidar_map, world.bundle, world.own)


PARTS: dict[str, Callable[[World], dict[str, object]]] = {
    "singles": single_images,
    "tracking": tracking,
    "kidnapping": kidnapping,
    "false_accepts": false_accepts,
    "times": times,
}


def _sum(counts: list[tuple[int, int]]) -> tuple[int, int]:
    return sum(wrong for wrong, _ in counts), sum(total for _, total in counts)


def main(
    kitti: Annotated[Path, typer.Option(help="Folder of KITTI, with 2011_09_26 and object in it.")],
    models: Annotated[Path, typer.Option(help="Folder of the held-out models.")] = Path("out/held_out"),
    out: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("out/localization"),
    drive: Annotated[list[str] | None, typer.Option(help="Only this drive. Repeat for more.")] = None,
    part: Annotated[list[str] | None, typer.Option(help=f"Only this of {', '.join(PARTS)}. Repeat for more.")] = None,
) -> None:
    """Measure localization with models that never saw the drive."""
    out.mkdir(parents=True, exist_ok=True)
    for name in drive or DRIVES:
        wanted = [p for p in part or PARTS if not (out / f"{p}_{name}.json").exists()]
        if not wanted:
            continue
        world = World(kitti, models, name)
        for p in wanted:
            (out / f"{p}_{name}.json").write_text(json.dumps(PARTS[p](world), indent=2) + "\n")
            typer.echo(f"{out / f'{p}_{name}.json'}")
    typer.echo(tables(out))


if __name__ == "__main__":
    typer.run(main)
