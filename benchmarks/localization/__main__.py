# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Measure localization for docs/benchmarks.md; run `make held-out` and `make calibrate` first.

    python -m benchmarks.localization --kitti FOLDER [--drive 0013] [--part single_images] --out out/localization

Each part of each drive writes a JSON file. An existing file is not measured again. The tables show all existing files.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.localization import false_accepts, single_images, tracking
from benchmarks.localization.scenes import DRIVES, CachingLocalizer, DriveScene, joined_map, scene_of
from benchmarks.localization.tables import tables
from benchmarks.localization.times import times_of
from liploc_ros.encoders import ModelBundle
from liploc_ros.localization import Localizer
from liploc_ros.mapping import LidarMap
from liploc_ros.threads import limit_threads


class HeldOutDrive:
    """A drive, a model that never saw it, and the drives the model was trained on; each map is drawn once."""

    def __init__(self, kitti: Path, models: Path, drive: str) -> None:
        self.kitti, self.drive = kitti, drive
        self.bundle = ModelBundle.load(models / f"aligned_{drive}")
        self.scenes = {name: scene_of(kitti, name, self.bundle) for name in DRIVES}
        self.on_all = self.on(joined_map(list(self.scenes.values()), self.bundle))

    @property
    def own(self) -> DriveScene:
        """The drive that the model never saw."""
        return self.scenes[self.drive]

    @property
    def others(self) -> list[DriveScene]:
        """The drives in training."""
        return [scene for name, scene in self.scenes.items() if name != self.drive]

    def on(self, lidar_map: LidarMap) -> CachingLocalizer:
        """Return a localizer on a map whose features are coded, as by default."""
        coding = self.bundle.coding
        return CachingLocalizer(lidar_map if coding is None else lidar_map.coded(coding), self.bundle)

    def on_own(self) -> CachingLocalizer:
        """Return a localizer on the map of the drive alone."""
        return self.on(self.own.lidar_map)

    def on_others(self) -> CachingLocalizer:
        """Return a localizer whose map lacks the drive."""
        return self.on(joined_map(self.others, self.bundle))


def measure_single_images(held_out: HeldOutDrive) -> dict[str, object]:
    """Return recall by step, errors and acceptance: on the drive's own map, on that of all drives, and reversed."""
    reverse = scene_of(held_out.kitti, held_out.drive, held_out.bundle, reverse=True)
    maps = {
        "own map": (held_out.on_own(), held_out.own),
        "all drives": (held_out.on_all, held_out.own),
        "reversed": (held_out.on(reverse.lidar_map), reverse),
    }
    return {
        name: single_images.summarize(single_images.localize_all(localizer, scene))
        for name, (localizer, scene) in maps.items()
    }


def measure_tracking(held_out: HeldOutDrive) -> dict[str, object]:
    """Return the results of tracking from every start, with odometry and without."""
    return {
        name: tracking.from_every_start(held_out.on_all, held_out.own, with_odometry)
        for name, with_odometry in (("odometry", True), ("no odometry", False))
    }


def measure_kidnapping(held_out: HeldOutDrive) -> dict[str, object]:
    """Return the distance until a kidnapping from and to each other drive is noticed and solved."""
    result: dict[str, object] = {}
    for other in held_out.others:
        for before, after in ((other, held_out.own), (held_out.own, other)):
            found = tracking.kidnap(held_out.on_all, before, after, warm_up=30, every=2)
            result[f"{before.name} to {after.name}"] = {
                "localized before": found[0].was_localized,
                "noticed": [round(k.noticed, 1) for k in found],
                "solved": [round(k.solved, 1) for k in found],
            }
    return result


def measure_false_accepts(held_out: HeldOutDrive) -> dict[str, object]:
    """Return the number of false accepts and of images, by kind of image."""
    on_all, on_others, on_own = held_out.on_all, held_out.on_others(), held_out.on_own()
    own, others = held_out.own, held_out.others
    standing = Localizer(on_others.lidar_map, held_out.bundle)
    count, images_of = false_accepts.count_false_accepts, false_accepts.images_of
    count_localized = false_accepts.count_false_localized
    result = {
        "drive not on the map": count(on_others, images_of(own)),
        "the others, on the drive's map": _sum([count(on_own, images_of(other)) for other in others]),
        "single frames": count(on_all, false_accepts.singles_of(held_out.kitti)),
        "blurred, not on the map": count(on_others, false_accepts.blurred(own, on_map=False)),
        "blurred, on the map": count(on_all, false_accepts.blurred(own, on_map=True)),
        "black, grey, ramp, noise": count(on_all, false_accepts.without_content(own)),
        "repeated 100 times, by tracking": false_accepts.count_false_localized_by_repetition(standing, own, every=10),
        "driven, by tracking": count_localized(on_others, [own], with_odometry=True),
        "driven, by tracking without odometry": count_localized(on_others, [own], with_odometry=False),
        "the others driven on the drive's map, by tracking": count_localized(on_own, others, with_odometry=True),
    }
    return {name: list(counts) for name, counts in result.items()}


def measure_times(held_out: HeldOutDrive) -> dict[str, object]:
    """Return milliseconds from image to hypotheses on the map of all drives, and the time that tracking adds."""
    return times_of(held_out.on_all.lidar_map, held_out.bundle, held_out.own)


PARTS: dict[str, Callable[[HeldOutDrive], dict[str, object]]] = {
    "single_images": measure_single_images,
    "tracking": measure_tracking,
    "kidnapping": measure_kidnapping,
    "false_accepts": measure_false_accepts,
    "times": measure_times,
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
    limit_threads()
    out.mkdir(parents=True, exist_ok=True)
    for name in drive or DRIVES:
        wanted = [p for p in part or PARTS if not (out / f"{p}_{name}.json").exists()]
        if not wanted:
            continue
        held_out = HeldOutDrive(kitti, models, name)
        for p in wanted:
            (out / f"{p}_{name}.json").write_text(json.dumps(PARTS[p](held_out), indent=2) + "\n")
            typer.echo(f"{out / f'{p}_{name}.json'}")
    typer.echo(tables(out))


if __name__ == "__main__":
    typer.run(main)
