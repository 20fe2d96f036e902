# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Fill the tables of a benchmark: train, evaluate, and write each cell as soon as it is finished."""

import hashlib
import json
import re
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
from liploc_ros.files import write_file
from liploc_ros.schema import FrozenModel

CELLS, MODELS, RUNS = "cells", "models", "runs"
REQUEST_FILE = "request.json"


class CellResult(FrozenModel):
    """The result of a table cell: its metrics, or the reason why there are none. Only a finished cell is kept."""

    cell: Cell
    status: Literal["done", "missing data", "failed"]
    why: str = Field("", description="reason why the cell is not done")
    request: str = Field("", description="hash of everything that the result depends on, except the data")
    metrics: ProtocolMetrics | None = None

    @property
    def short_reason(self) -> str:
        """Why the cell is not done, in a line; of missing drives only the first and how many there are."""
        if self.status != "missing data":
            return f"{self.status}: {self.why}"
        drives = list(dict.fromkeys(re.split(r" \(|: ", why)[0] for why in self.why.split("; ")))
        more = f" and {len(drives) - 1} more drives" if len(drives) > 1 else ""
        return f"{self.status}: {drives[0]}{more}"


class StoppedError(EvaluationError):
    """The benchmark was stopped while a model was trained."""


@dataclass
class BenchmarkRun:
    """A benchmark in progress.

    Attributes:
        benchmark: its definition.
        roots: folders of the data.
        out: folder of the results: ``cells/*.json``, ``models``, ``runs`` (checkpoints), and the tables.
        steps: overrides the training steps of the recipes.
        changes: of the recipes that have the key.
        trunk: pretrained weights; see :meth:`liploc_ros.learning.run.TrainingRun.execute`.
        options: of the evaluation.
        progress: whether to show progress bars.
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

    def fill(self, cells: Sequence[Cell], on_result: Callable[[CellResult], None]) -> None:
        """Compute the cells one after another. Each result is written, then passed to ``on_result``.

        Finished cells are not computed again.

        Raises:
            FileError: a result cannot be written.
            StoppedError: training was stopped by Ctrl-C or SIGTERM.
        """
        failed_models: dict[str, str] = {}
        for cell in cells:
            result = self.stored_result(cell)
            if result is None or result.status != "done":
                result = self._compute(cell, failed_models)
                write_file(self._file(cell), result.model_dump_json(indent=2) + "\n")
            on_result(result)

    def stored_result(self, cell: Cell) -> CellResult | None:
        """Return the stored result of a cell with the same settings, or None."""
        try:
            result = CellResult.model_validate_json(self._file(cell).read_text())
        except (OSError, ValidationError):  # missing, or of an older version
            return None
        return result if result.request == self._cell_request(cell) else None

    def _compute(self, cell: Cell, failed_models: dict[str, str]) -> CellResult:
        """Return the result of a cell; ``failed_models`` holds the reason for each model that could not be trained.

        Raises:
            StoppedError: training was stopped by Ctrl-C or SIGTERM.
        """
        request = self._cell_request(cell)
        needed = [*self.benchmark.trained_on(cell.model), cell.test]
        missing = [what for drive in needed for what in self.roots.missing(drive)]
        if missing:
            return CellResult(cell=cell, status="missing data", why="; ".join(missing), request=request)
        try:
            if cell.model in failed_models:
                raise EvaluationError(failed_models[cell.model])
            try:
                bundle = self._model(cell.model)
            except LiplocError as error:
                failed_models[cell.model] = str(error)
                self._stop_if_asked(cell, error)
                raise
            metrics = self._evaluator_of(cell, bundle).run(cell.protocol).metrics
        except StoppedError:
            raise
        except LiplocError as error:
            return CellResult(cell=cell, status="failed", why=str(error), request=request)
        return CellResult(cell=cell, status="done", request=request, metrics=metrics)

    def _stop_if_asked(self, cell: Cell, error: LiplocError) -> None:
        """End the benchmark if Ctrl-C or SIGTERM stopped the training, instead of going on with the next model."""
        from liploc_ros.learning.trainer import TrainingStoppedError  # needs torch

        if isinstance(error, TrainingStoppedError):
            when = str(error).partition(": ")[0]
            raise StoppedError(f"{cell.model}: training {when}: run the same command to continue") from error

    def _model(self, name: str) -> ModelBundle:
        """Return a model. It is trained if it does not exist; interrupted training continues."""
        # These need torch; tables are read and written without it.
        from liploc_ros.learning.data.workers import default_workers
        from liploc_ros.learning.run import TrainingRun

        bundle, folder = self.out / MODELS / name, self.out / RUNS / name
        request, request_file = self._model_request(name), folder / REQUEST_FILE
        is_same = request_file.exists() and request_file.read_text() == request
        if is_same and (bundle / SPEC_FILE).exists():
            return ModelBundle.load(bundle)
        drives = [self.roots.path(drive) for drive in self.benchmark.trained_on(name)]
        recipe, changes = self.benchmark.models[name].recipe, self._changes(name)
        run = TrainingRun.prepare(recipe, drives, (), self.steps, changes, default_workers())
        if not is_same:  # a model or checkpoint with other settings must not be used
            shutil.rmtree(bundle, ignore_errors=True)
            shutil.rmtree(folder, ignore_errors=True)
            write_file(request_file, request)
        return run.execute(bundle, self.trunk, folder=folder, resume=is_same)[0]

    def _changes(self, name: str) -> dict[str, Any]:
        """Return the changes whose keys exist in a model's recipe."""
        from liploc_ros.learning.registry import read_recipe  # needs torch

        fields = type(read_recipe(self.benchmark.models[name].recipe)).model_fields
        return {key: value for key, value in self.changes.items() if key.partition(".")[0] in fields}

    def _model_request(self, name: str) -> str:
        """Return, as JSON, everything that a model depends on except its data."""
        request = {
            "recipe": self.benchmark.models[name].recipe,
            "train": self.benchmark.trained_on(name),
            "steps": self.steps,
            "changes": dict(self.changes),
            "trunk": None if self.trunk is None else self.trunk.name,
        }
        return json.dumps(request, sort_keys=True)

    def _cell_request(self, cell: Cell) -> str:
        parts = cell.model_dump_json(), self._model_request(cell.model), self.options.model_dump_json()
        return hashlib.sha256("".join(parts).encode()).hexdigest()

    def _evaluator_of(self, cell: Cell, bundle: ModelBundle) -> Evaluator:
        """Return the evaluator; consecutive cells with the same model and drive share it."""
        if self._evaluator is None or self._evaluator[:2] != (bundle.id, cell.test):
            drive = open_drive(self.roots.path(cell.test))
            evaluator = Evaluator(drive, bundle, self.options, progress=self.progress)
            self._evaluator = (bundle.id, cell.test, evaluator)
        return self._evaluator[2]

    def _file(self, cell: Cell) -> Path:
        return self.out / CELLS / f"{cell.id}.json"


def all_cells(benchmark: Benchmark) -> Iterator[Cell]:
    """Yield every cell once, in the order of the tables."""
    yield from dict.fromkeys(cell for table in benchmark.tables for cell in benchmark.cells(table))
