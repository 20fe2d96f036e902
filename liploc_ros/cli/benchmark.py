# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc benchmark``: train and evaluate the models of a paper's tables."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from liploc_ros.cli.options import ChangesOption
from liploc_ros.cli.terminal import start_work
from liploc_ros.cli.train import training_imports

if TYPE_CHECKING:
    from liploc_ros.benchmark import CellResult


def benchmark(
    name: Annotated[str, typer.Argument(help="kitti, kitti-360, or a YAML file.")],
    roots: Annotated[
        list[Path],
        typer.Option("--root", help="Folder of KITTI's odometry data or of KITTI-360. Can be given for both."),
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results. Finished cells in it are kept.")] = Path(
        "out/benchmark"
    ),
    steps: Annotated[int | None, typer.Option(min=1, help="Number of steps. Default: each recipe's.")] = None,
    trunk: Annotated[
        Path | None, typer.Option(help="Initial weights (safetensors) or 'random'. Default: timm downloads them.")
    ] = None,
    changes: ChangesOption = None,
    only: Annotated[str, typer.Option(help="Run only cells whose name (MODEL.TEST.PROTOCOL) contains this.")] = "",
) -> None:
    """Train and evaluate the models of a paper's tables.

    An interrupted run can be repeated: finished cells are kept. Cells whose data is missing are reported and skipped.
    """
    start_work()
    with training_imports("training"):
        from liploc_ros.learning.recipe import changes_of
        from liploc_ros.learning.run import TrainingRun  # noqa: F401  fails early if torch is missing
    from liploc_ros.benchmark import BenchmarkRun, DataRoots, read_benchmark
    from liploc_ros.benchmark.run import all_cells
    from liploc_ros.benchmark.tables import write_tables
    from liploc_ros.evaluation.options import EvaluationError

    table = read_benchmark(name)
    run = BenchmarkRun(table, DataRoots.of(roots), out, steps, changes_of(changes or []), trunk, progress=True)
    cells = [cell for cell in all_cells(table) if only in cell.id]
    if not cells:
        raise EvaluationError(f"--only {only!r}: no cell of {name} has this in its name")
    results: list[CellResult] = []

    def report(result: "CellResult") -> None:
        results.append(result)
        write_tables(out, name, table, run.stored_result)
        typer.echo(f"[{len(results)}/{len(cells)}] {result.cell.id}: {_summary(result)}")

    run.fill(cells, report)
    done = sum(result.status == "done" for result in results)
    typer.echo(f"{out / 'benchmark.md'}: {done} of {len(cells)} cells done")
    if done < len(cells):
        raise EvaluationError(f"{len(cells) - done} of {len(cells)} cells are not done, see {out / 'benchmark.md'}")


def _summary(result: "CellResult") -> str:
    if result.metrics is None:
        return result.short_reason
    rates = result.metrics.recall_at_1.items()
    return ", ".join(f"{100 * rate.recall:.1f} % within {t} m (chance {100 * rate.chance:.1f})" for t, rate in rates)
