# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Maps of many lengths: size, time to open, memory, latency, recall and acceptance.

    python -m benchmarks.scale.run --kitti FOLDER --poses FOLDER --model out/held_out/aligned_0013 --drive 0013

``--poses`` is the folder of KITTI's trajectories. The held-out drive is the last tile of each map, and its images are
searched; a map of one tile is the drive alone. The other drives and the single frames are what the streets of the map
are made of. With the bank and the queries of an earlier run in ``--out``, ``--kitti`` is not needed. Each map is
measured in a process of its own.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import faiss
import typer

from benchmarks.scale.bank import Bank, draw_bank
from benchmarks.scale.map_writer import ELSEWHERE, CoarseAhead, MapWriter
from benchmarks.scale.queries import Queries
from benchmarks.scale.synthetic_map import SyntheticMap
from liploc_ros.datasets import open_drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.localization.long_map.localizer import map_mode
from liploc_ros.mapping.manifest import read_manifest
from liploc_ros.mapping.search.coarse_index import CoarseIndex
from liploc_ros.mapping.tiled_map import COARSE, TiledMap, coarse_key
from liploc_ros.threads import limit_threads

DRIVES = ("0001", "0005", "0013")
SPLITS = ("training", "testing", "unknown_split")
MAX_WRITTEN = 1000  # km; of longer maps, the coarse index and the tiles near the drive, which stand in for the others
NEAR = 3  # tiles


def main(
    poses: Annotated[Path, typer.Option(help="Folder of KITTI's trajectories, 00.txt to 10.txt.")],
    model: Annotated[Path, typer.Option(help="Model that was not trained on the drive.")],
    kitti: Annotated[
        Path | None, typer.Option(help="Folder of KITTI raw data, with the object benchmark in `object`.")
    ] = None,
    drive: Annotated[str, typer.Option(help="Drive whose images are searched.")] = "0013",
    length: Annotated[list[int] | None, typer.Option(help="Tiles of each map, of 1 km.")] = None,
    workers: Annotated[int, typer.Option(help="Processes that write tiles, and threads of untimed steps.")] = 2,
    cores: Annotated[str, typer.Option(help="Cores on which maps are measured, as for taskset; empty: all.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for features and maps.")] = Path("out/scale"),
) -> None:
    """Build maps of several lengths, and localize the images of a drive on each."""
    limit_threads()
    bundle = ModelBundle.load(model)
    bank, queries = _inputs(bundle, kitti, drive, out)
    writer = MapWriter(bank, Queries.load(queries).view_origin, bundle, poses, workers)
    for kilometres in length or [1, 2, 10, 11, 100, 1000]:
        made, folder = writer.synthetic(kilometres), out / f"map_{drive}_{kilometres}"
        start = time.perf_counter()
        is_written = kilometres <= MAX_WRITTEN
        first = 0 if is_written else kilometres - NEAR
        if not (folder / "manifest.json").exists():
            writer.write(folder, made, first)
        row: dict[str, object] = {"tiles": kilometres, "written [s]": round(time.perf_counter() - start)}
        manifest = read_manifest(folder)
        if map_mode(manifest).is_long:
            row |= _build_coarse(folder, made, bundle, workers, from_tiles=is_written)
        row["MB/km"] = round(manifest.size_bytes / 1e6 / kilometres, 2)
        here = [str(model), str(queries), *map(str, made.start)]
        row |= _run("measure", folder, here, cores, *([] if is_written else ["--stand-ins"]))
        if is_written and kilometres > 1:
            row["elsewhere"] = _run("measure", folder / ELSEWHERE, here, cores, "--no-track")
        if is_written and map_mode(manifest).is_long:
            row["exhaustive"] = _run("exhaustive", folder, here, "", "--threads", str(workers))
        typer.echo(json.dumps(row))


def _inputs(bundle: ModelBundle, kitti: Path | None, drive: str, out: Path) -> tuple[Bank, Path]:
    """Return the bank and the file of queries, which are drawn if they are missing."""
    stored, queries = out / f"bank_{drive}.npz", out / f"queries_{drive}.npz"
    if stored.exists() and queries.exists():
        return Bank.load(stored), queries
    if kitti is None:
        raise typer.BadParameter(f"{stored} is missing: give --kitti")
    folders = {name: kitti / "2011_09_26" / f"2011_09_26_drive_{name}_sync" for name in DRIVES}
    if not stored.exists():
        others = [folder for name, folder in folders.items() if name != drive]
        draw_bank(bundle, folders[drive], others, [kitti / "object" / split for split in SPLITS]).save(stored)
    bank = Bank.load(stored)
    Queries.of(bank, open_drive(folders[drive])).save(queries)
    return bank, queries


def _build_coarse(
    folder: Path, made: SyntheticMap, bundle: ModelBundle, threads: int, *, from_tiles: bool
) -> dict[str, object]:
    """Build the coarse index of a map, if it is missing, and that of the map without the drive."""
    start = time.perf_counter()
    faiss.omp_set_num_threads(threads)
    if from_tiles:
        for path in (folder, folder / ELSEWHERE):
            CoarseIndex.open_or_build(path / COARSE, TiledMap.open(path, bundle), coarse_key(read_manifest(path)))
    else:
        ahead = CoarseAhead(made, threads)
        CoarseIndex.open_or_build(folder / COARSE, ahead, coarse_key(read_manifest(folder)))
        ahead.close()
    size = sum(file.stat().st_size for file in (folder / COARSE).iterdir())
    faiss.omp_set_num_threads(1)
    return {
        "coarse indices [s]": round(time.perf_counter() - start),
        "coarse [MB/km]": round(size / 1e6 / len(made), 3),
    }


def _run(module: str, folder: Path, arguments: list[str], cores: str, *options: str) -> dict[str, object]:
    """Return what a module of this folder prints of a map; it runs in another process."""
    pinned = ["taskset", "-c", cores] if cores else []
    command = [*pinned, sys.executable, "-m", f"benchmarks.scale.{module}", *options, "--", str(folder), *arguments]
    finished = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    values: dict[str, object] = json.loads(finished.stdout.splitlines()[-1])
    return values


if __name__ == "__main__":
    typer.run(main)
