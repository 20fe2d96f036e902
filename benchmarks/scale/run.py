# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Coarse search on maps of many lengths: recall, time, memory and size.

    python -m benchmarks.scale.run --kitti FOLDER --poses FOLDER --model out/held_out/aligned_0013 --drive 0013

``--poses`` is the folder of KITTI's trajectories. The held-out drive is a tile somewhere in each map, and its images
are searched. The other drives and the single frames are what the streets of the map are made of.
"""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.scale.bank import Bank, draw_bank
from benchmarks.scale.synthetic_map import Descriptors, SyntheticMap, positions
from benchmarks.scale.unit_products import UnitProducts
from liploc_ros.encoders import ModelBundle
from liploc_ros.mapping.search.coarse_config import CoarseConfig
from liploc_ros.mapping.search.coarse_index import CoarseCandidates, CoarseIndex
from liploc_ros.mapping.search.rescoring import rescore
from liploc_ros.threads import limit_threads

DRIVES = ("0001", "0005", "0013")
SPLITS = ("training", "testing", "unknown_split")
DEPTHS = (100, 500, 2000)
COUNT = 16  # candidates that are matched
MAX_RESCORED = 100  # km; fine codes of longer maps are not written
NEVER = 10**9


def main(
    kitti: Annotated[Path, typer.Option(help="Folder of KITTI raw data, with the object benchmark in `object`.")],
    poses: Annotated[Path, typer.Option(help="Folder of KITTI's trajectories, 00.txt to 10.txt.")],
    model: Annotated[Path, typer.Option(help="Model that was not trained on the drive.")],
    drive: Annotated[str, typer.Option(help="Drive whose images are searched.")] = "0013",
    length: Annotated[list[int] | None, typer.Option(help="Lengths of maps [km].")] = None,
    code_bytes: Annotated[int, typer.Option(help="Bytes per place and heading.")] = 16,
    dimension: Annotated[int, typer.Option(help="Principal components of a descriptor.")] = 128,
    spacing: Annotated[int, typer.Option(help="Distance of coarsely indexed places [m].")] = 4,
    out: Annotated[Path, typer.Option(help="Folder for the features and indices.")] = Path("out/scale"),
) -> None:
    """Build maps of several lengths, and search the images of the drive in each."""
    limit_threads()
    bundle, day = ModelBundle.load(model), kitti / "2011_09_26"
    folders = {name: day / f"2011_09_26_drive_{name}_sync" for name in DRIVES}
    stored = out / f"bank_{drive}.npz"
    if not stored.exists():
        others = [folder for name, folder in folders.items() if name != drive]
        draw_bank(bundle, folders[drive], others, [kitti / "object" / split for split in SPLITS]).save(stored)
    bank = Bank.load(stored)
    descriptors = Descriptors(bank, bundle.spec, dimension)
    products = UnitProducts(bank.features, bundle.spec, descriptors.components)
    fine = out / f"fine_{drive}_{dimension}"
    fine.mkdir(parents=True, exist_ok=True)
    typer.echo("| km | build [s] | MB/km | recall in " + " | ".join(map(str, DEPTHS)) + " | p50, p99 [ms] | resident |")
    for kilometres in length or [1, 10, 100, 1000]:
        made = SyntheticMap(bank, bundle.spec, descriptors, products, positions(poses, kilometres), fine, spacing)
        folder = out / f"coarse_{drive}_{dimension}_{kilometres}_{code_bytes}_{spacing}"
        start = time.perf_counter()
        CoarseIndex.build(folder, made, "scale", CoarseConfig(bytes=code_bytes))
        built = time.perf_counter() - start
        index = CoarseIndex.open(folder, "scale")
        _report(index, made, kilometres, built, sum(file.stat().st_size for file in folder.iterdir()))
        if kilometres <= MAX_RESCORED:
            _report_rescored(index, made, descriptors, kilometres)


def _report(index: CoarseIndex, made: SyntheticMap, kilometres: int, built: float, size: int) -> None:
    ranks, times = [], []
    for number, query in enumerate(made.queries):
        start = time.perf_counter()
        found = index.search(query, max(DEPTHS))
        times.append(1e3 * (time.perf_counter() - start))
        ranks.append(_rank(made, number, found))
    recalls = " | ".join(f"{np.mean(np.array(ranks) < depth):.3f}" for depth in DEPTHS)
    resident = _resident_megabytes()
    p50, p99 = np.quantile(times, (0.5, 0.99))
    typer.echo(
        f"| {kilometres} | {built:.0f} | {size / 1e6 / kilometres:.2f} | {recalls} | {p50:.1f}, {p99:.1f} | "
        f"{resident:.0f} MB |"
    )


def _report_rescored(index: CoarseIndex, made: SyntheticMap, descriptors: Descriptors, kilometres: int) -> None:
    for tile in range(kilometres):
        made.write_fine(tile)
    tables = [descriptors.tables(query) for query in index.metric.weigh(made.queries)]
    for depth in DEPTHS:
        ranks, times = [], []
        for number, query in enumerate(made.queries):
            start = time.perf_counter()
            found = rescore(index.search(query, depth), tables[number], made, COUNT)
            times.append(1e3 * (time.perf_counter() - start))
            ranks.append(_rank(made, number, found))
        p50, p99 = np.quantile(times, (0.5, 0.99))
        typer.echo(
            f"  {kilometres} km, {depth} candidates scored again: among {COUNT} "
            f"{np.mean(np.array(ranks) < COUNT):.3f}, first {np.mean(np.array(ranks) < 1):.3f}, {p50:.1f}, {p99:.1f} ms"
        )


def _resident_megabytes() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1e3 for line in lines if line.startswith("VmRSS"))


def _rank(made: SyntheticMap, number: int, found: CoarseCandidates) -> int:
    right: NDArray[np.bool_] = made.is_right(number, found)
    return int(right.argmax()) if right.any() else NEVER


if __name__ == "__main__":
    typer.run(main)
