"""``liploc benchmark``: train and evaluate what a paper's tables hold."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.benchmark import BenchmarkRun, CellResult, DataRoots, read_benchmark
from liploc_ros.benchmark.run import all_cells
from liploc_ros.benchmark.tables import write_tables
from liploc_ros.cli.train import TrainingUnavailableError
from liploc_ros.evaluation.options import EvaluationError


def benchmark(
    name: Annotated[str, typer.Argument(help="kitti, kitti-360, or a YAML file.")],
    roots: Annotated[
        list[Path], typer.Option("--root", help="Folder of KITTI's odometry data or of KITTI-360. Repeat for both.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the results; what is finished there is kept.")] = Path(
        "out/benchmark"
    ),
    steps: Annotated[int | None, typer.Option(min=1, help="Instead of the recipes' number of steps.")] = None,
    trunk: Annotated[
        Path | None,
        typer.Option(help="Weights to start from (safetensors) or 'random'; timm downloads them if left out."),
    ] = None,
    changes: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change the recipes that have the key.")
    ] = None,
    only: Annotated[str, typer.Option(help="Only cells whose name (MODEL.TEST.PROTOCOL) contains this.")] = "",
) -> None:
    """Train and evaluate what the paper's tables hold, cell by cell.

    Started again, it goes on: finished cells are kept, others done again. Data that is missing is named, and the other
    cells are done.
    """
    try:
        from liploc_ros.learning.recipe import changes_of
        from liploc_ros.learning.run import TrainingRun  # noqa: F401  torch is there
    except ImportError as error:
        raise TrainingUnavailableError(f"training needs {error.name}: pip install 'liploc_ros[train]'") from error
    table = read_benchmark(name)
    run = BenchmarkRun(table, DataRoots.of(roots), out, steps, changes_of(changes or []), trunk, progress=True)
    cells = [cell for cell in all_cells(table) if only in cell.id]
    if not cells:
        raise EvaluationError(f"--only {only!r}: no cell of {name} is called so")
    results: list[CellResult] = []

    def told(result: CellResult) -> None:
        results.append(result)
        write_tables(out, name, table, run.stored_result)
        typer.echo(f"[{len(results)}/{len(cells)}] {result.cell.id}: {_summary(result)}")

    run.fill(cells, told)
    done = sum(result.status == "done" for result in results)
    typer.echo(f"{out / 'benchmark.md'}: {done} of {len(cells)} cells done")
    if done < len(cells):
        raise EvaluationError(f"{len(cells) - done} of {len(cells)} cells are not done, see {out / 'benchmark.md'}")


def _summary(result: CellResult) -> str:
    if result.metrics is None:
        return f"{result.status}: {result.why}"
    rates = result.metrics.recall_at_1.items()
    return ", ".join(f"{100 * rate.recall:.1f} % within {t} m (chance {100 * rate.chance:.1f})" for t, rate in rates)
