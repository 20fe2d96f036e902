# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Speed of training by the number of worker processes; for the recipe aligned, writes the table of docs/benchmarks.md.

    python -m benchmarks.training --kitti FOLDER [--trunk FILE] [--recipe aligned] [--workers 0 --workers 2]

All numbers of workers are measured in turns, so that other load on the machine affects all of them equally.
"""

import os
import time
from collections.abc import Callable, Generator
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median
from typing import Annotated, Any, NamedTuple

import torch
import typer

from benchmarks.doc_sections import write_section
from liploc_ros.learning.data.batches import batches
from liploc_ros.learning.data.workers import default_workers
from liploc_ros.learning.distributed import Processes
from liploc_ros.learning.method import RANDOM, Batch
from liploc_ros.learning.registry import method_of
from liploc_ros.learning.run import TrainingRun
from liploc_ros.learning.trainer import Trainer
from liploc_ros.threads import limit_threads

DRIVES = ("0001", "0005")
SPLITS = ("training", "testing", "unknown_split")
WARM_UP = 20  # steps
MAX_GENERATIONS = 3  # this process, the server of workers, workers
ENDLESS = 1_000_000  # steps of the recipe, of which only the first ones are done


class Cost(NamedTuple):
    """Time and CPU time of all processes for one item [s]."""

    wall: float
    cpu: float


def main(
    kitti: Annotated[Path, typer.Option(help="Folder of KITTI raw data, with the object benchmark in `object`.")],
    recipe: Annotated[str, typer.Option(help="Recipe to train.")] = "aligned",
    trunk: Annotated[Path, typer.Option(help="ImageNet weights; 'random' is as fast.")] = RANDOM,
    workers: Annotated[list[int] | None, typer.Option(help="Numbers of workers. Default: 0 and one per core.")] = None,
    steps: Annotated[int, typer.Option(help="Steps of one measurement.")] = 40,
    rounds: Annotated[int, typer.Option(help="Measurements of each number of workers.")] = 5,
) -> None:
    """Measure the preparation of samples, the drawing of batches, and training, and write the table."""
    limit_threads()
    counts = workers or [0, *sorted({2**i for i in range(5) if 2**i < default_workers()} | {default_workers()})]
    day = kitti / "2011_09_26"
    drives = [day / f"2011_09_26_drive_{drive}_sync" for drive in DRIVES]
    singles = [kitti / "object" / split for split in SPLITS]

    def prepare(count: int) -> TrainingRun:
        return TrainingRun.prepare(recipe, drives, singles, ENDLESS, workers=count)

    run = prepare(counts[0])
    preparation = {count: _cost(partial(prepare, count)) for count in counts}
    with Processes.joined() as processes:
        drawing, training = _measure(run, trunk, processes, counts, steps, rounds)
    lines = [
        "| workers | samples | batches alone | CPU | training | CPU |",
        "|---|---|---|---|---|---|",
    ]
    for count in counts:
        lines.append(
            f"| {count} | {preparation[count].wall:.1f} s | {1 / drawing[count].wall:.0f} /s "
            f"| {1e3 * drawing[count].cpu:.1f} ms | {1 / training[count].wall:.1f} steps/s "
            f"| {1e3 * training[count].cpu:.0f} ms |"
        )
    device = torch.cuda.get_device_name() if processes.device.type == "cuda" else "no GPU"
    head = f"Recipe {recipe}, {len(run.samples)} samples, {os.cpu_count()} cores, {device}:"
    text = f"{head}\n\n" + "\n".join(lines)
    print(text)
    if recipe == "aligned":
        print(write_section("benchmarks.md", "training", text))


def _measure(
    run: TrainingRun, trunk: Path, processes: Processes, counts: list[int], steps: int, rounds: int
) -> tuple[dict[int, Cost], dict[int, Cost]]:
    """Return the cost of a batch that is only drawn, and of a training step, by the number of workers."""
    method = method_of(run.recipe)
    trainer = Trainer(method, run.recipe, trunk, processes)

    def draw(drawn: Generator[Batch, None, None]) -> Callable[[], object]:
        return lambda: next(drawn)

    def train(drawn: Generator[Batch, None, None]) -> Callable[[], object]:
        return lambda: trainer.train_step(next(drawn))

    def costs(do: Callable[[Generator[Batch, None, None]], Callable[[], object]]) -> dict[int, Cost]:
        measured: dict[int, list[Cost]] = {count: [] for count in counts}
        for _ in range(rounds):
            for count in counts:
                # Only the workers that are measured exist: waiting ones would draw ahead.
                drawn = batches(method, run.samples, run.recipe, 0, processes, count)
                step = do(drawn)
                _repeat(step, WARM_UP, processes)
                measured[count].append(_cost(partial(_repeat, step, steps, processes), steps))
                drawn.close()
        return {count: Cost(*map(median, zip(*values, strict=True))) for count, values in measured.items()}

    return costs(draw), costs(train)


def _repeat(function: Callable[[], object], count: int, processes: Processes) -> None:
    for _ in range(count):
        function()
    if processes.device.type == "cuda":
        torch.cuda.synchronize()


def _cost(function: Callable[[], Any], count: int = 1) -> Cost:
    """Return the cost of one of ``count`` items."""
    start, cpu = time.perf_counter(), _cpu_seconds()
    function()
    return Cost((time.perf_counter() - start) / count, (_cpu_seconds() - cpu) / count)


def _cpu_seconds() -> float:
    """Return the CPU time of this process and its descendants [s]; workers that have ended do not count."""
    parents, ticks = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # the process has ended
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            process = int(folder.name)
            parents[process], ticks[process] = int(fields[1]), int(fields[11]) + int(fields[12])
    own = {os.getpid()}
    for _ in range(MAX_GENERATIONS):
        own |= {process for process, parent in parents.items() if parent in own}
    return sum(ticks[process] for process in own) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    typer.run(main)
