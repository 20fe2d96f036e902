"""Fill a benchmark's tables: train, evaluate, write each cell as soon as it is done."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from liploc_ros.benchmark.data import DataRoots
from liploc_ros.benchmark.spec import Benchmark, Cell
from liploc_ros.datasets import open_drive
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.bundle import SPEC_FILE
from liploc_ros.errors import LiplocError
from liploc_ros.evaluation.evaluator import Evaluator
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.result import ProtocolMetrics
from liploc_ros.schema import FrozenModel

CELLS, MODELS, RUNS = "cells", "models", "runs"
REQUEST = "request.json"


class CellResult(FrozenModel):
    """What came of a cell. It is kept if it is done, and done again otherwise."""

    cell: Cell
    status: Literal["done", "missing data", "failed"]
    why: str = Field("", description="it is not done")
    request: str = Field("", description="hash of all that it depends on, but for the data")
    metrics: ProtocolMetrics | None = None


@dataclass
class BenchmarkRun:
    """A benchmark on its way.

    Attributes:
        benchmark: what to fill in.
        roots: where the data is.
        out: folder of the results: ``cells/*.json``, ``models``, ``runs`` (checkpoints), and the tables.
        steps: of training, instead of the recipes'.
        changes: of recipes, where they have the key.
        trunk: weights to start from; see :meth:`liploc_ros.learning.run.TrainingRun.execute`.
        options: of the evaluation.
        progress: whether to show bars.
    """

    benchmark: Benchmark
    roots: DataRoots
    out: Path
    steps: int | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)
    trunk: Path | None = None
    options: EvaluationOptions = field(default_factory=EvaluationOptions)
    progress: bool = False
    _evaluator: tuple[str, str, Evaluator] | None = field(default=None, init=False, repr=False)

    def fill(self, cells: Sequence[Cell], told: Callable[[CellResult], None]) -> None:
        """Do the cells one after another; each is written, and ``told``, when it ends, and a finished one kept.

        Raises:
            EvaluationError: a result cannot be written.
        """
        failed: dict[str, str] = {}
        for cell in cells:
            result = self.last(cell)
            if result is None or result.status != "done":
                result = self._done(cell, failed)
                self._write(result)
            told(result)

    def last(self, cell: Cell) -> CellResult | None:
        """Return what came of a cell with the same settings; None where nothing did yet."""
        try:
            result = CellResult.model_validate_json(self._file(cell).read_text())
        except (OSError, ValidationError):  # of an older version
            return None
        return result if result.request == self._request(cell) else None

    def _done(self, cell: Cell, failed: dict[str, str]) -> CellResult:
        """Return the result of a cell; ``failed`` says of models why they cannot be had."""
        request = self._request(cell)
        needed = [*self.benchmark.trained_on(cell.model), cell.test]
        missing = [what for drive in needed for what in self.roots.missing(drive)]
        if missing:
            return CellResult(cell=cell, status="missing data", why="; ".join(missing), request=request)
        try:
            if cell.model in failed:
                raise EvaluationError(failed[cell.model])
            try:
                bundle = self._model(cell.model)
            except LiplocError as error:
                failed[cell.model] = str(error)
                raise
            metrics = self._evaluator_of(cell, bundle).run(cell.protocol).metrics
        except LiplocError as error:
            return CellResult(cell=cell, status="failed", why=str(error), request=request)
        return CellResult(cell=cell, status="done", request=request, metrics=metrics)

    def _model(self, name: str) -> ModelBundle:
        """Return a model; it is trained where it is not there yet, and goes on where training was interrupted."""
        from liploc_ros.learning.run import TrainingRun  # needs torch, which evaluation does not

        bundle, folder = self.out / MODELS / name, self.out / RUNS / name
        asked, begun = self._training(name), folder / REQUEST
        same = begun.exists() and begun.read_text() == asked
        if same and (bundle / SPEC_FILE).exists():
            return ModelBundle.load(bundle)
        drives = [self.roots.path(drive) for drive in self.benchmark.trained_on(name)]
        run = TrainingRun.prepare(self.benchmark.models[name].recipe, drives, (), self.steps, self._changes(name))
        if not same:  # a model or checkpoint of other settings must not be taken for one of these
            shutil.rmtree(bundle, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            _write(begun, asked)
        return run.execute(bundle, self.trunk, folder=folder, resume=same)[0]

    def _changes(self, name: str) -> dict[str, Any]:
        """Return the changes that a model's recipe has the keys for."""
        from liploc_ros.learning.recipe import read_recipe

        fields = type(read_recipe(self.benchmark.models[name].recipe)).model_fields
        return {key: value for key, value in self.changes.items() if key.partition(".")[0] in fields}

    def _training(self, name: str) -> str:
        """Return, as JSON, all that a model depends on but its data."""
        asked = {
            "recipe": self.benchmark.models[name].recipe,
            "train": self.benchmark.trained_on(name),
            "steps": self.steps,
            "changes": dict(self.changes),
            "trunk": None if self.trunk is None else self.trunk.name,
        }
        return json.dumps(asked, sort_keys=True)

    def _request(self, cell: Cell) -> str:
        parts = cell.model_dump_json(), self._training(cell.model), self.options.model_dump_json()
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    def _evaluator_of(self, cell: Cell, bundle: ModelBundle) -> Evaluator:
        """Return the evaluator; cells that follow one another with one model and drive share it."""
        if self._evaluator is None or self._evaluator[:2] != (bundle.id, cell.test):
            drive = open_drive(self.roots.path(cell.test))
            self._evaluator = (
                bundle.id,
                cell.test,
                Evaluator(drive, bundle, self.options, progress=self.progress),
            )
        return self._evaluator[2]

    def _file(self, cell: Cell) -> Path:
        return self.out / CELLS / f"{cell.id}.json"

    def _write(self, result: CellResult) -> None:
        _write(self._file(result.cell), result.model_dump_json(indent=2) + "\n")


def all_cells(benchmark: Benchmark) -> Iterator[Cell]:
    """Yield every cell once, in the order of the tables."""
    yield from dict.fromkeys(cell for table in benchmark.tables for cell in benchmark.cells(table))


def _write(path: Path, text: str) -> None:
    """Write a file that is whole or not there."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.new")
        draft.write_text(text)
        draft.replace(path)
    except OSError as error:
        raise EvaluationError(f"{path}: cannot be written ({error.strerror}): choose another folder") from error
