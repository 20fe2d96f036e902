# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The definition of a benchmark: a YAML file with models, and with tables that test them."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError, model_validator

from liploc_ros.evaluation.options import EvaluationError
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.schema import FrozenModel, first_fault

DEFINITIONS = Path(__file__).parent / "definitions"


class Model(FrozenModel):
    """A recipe, and the drives or groups of drives to train on."""

    recipe: str
    train: tuple[str, ...]


class BenchmarkTable(FrozenModel):
    """A table with one cell for each combination of model, test drive and protocol."""

    title: str
    models: tuple[str, ...]
    tests: tuple[str, ...]
    protocols: tuple[str, ...]


class Cell(FrozenModel):
    """A cell of a benchmark table: one model, tested on one drive with one protocol.

    It has nothing to do with the cells of a view's grid. Drives are named ``kitti/08`` or ``kitti-360/0000``.
    """

    model: str
    test: str
    protocol: str

    @property
    def id(self) -> str:
        """Name of its file."""
        return f"{self.model}.{self.test.replace('/', '-')}.{self.protocol}"


class Benchmark(FrozenModel):
    """Named groups of drives, models, and tables."""

    drives: Mapping[str, tuple[str, ...]] = {}
    models: Mapping[str, Model]
    tables: tuple[BenchmarkTable, ...]

    @model_validator(mode="after")
    def _is_consistent(self) -> "Benchmark":
        for table in self.tables:
            for model in table.models:
                if model not in self.models:
                    raise ValueError(f"table {table.title!r}: no model {model!r}")
                trained_and_tested = set(self.trained_on(model)) & set(table.tests)
                if trained_and_tested:
                    raise ValueError(f"table {table.title!r}: {model} is trained on {min(trained_and_tested)}, a test")
            for protocol in table.protocols:
                Protocol.parse(protocol)
        return self

    def cells(self, table: BenchmarkTable) -> list[Cell]:
        """Return the cells of a table; cells with the same model and drive are consecutive."""
        return [
            Cell(model=model, test=test, protocol=protocol)
            for model in table.models
            for test in table.tests
            for protocol in table.protocols
        ]

    def trained_on(self, model: str) -> tuple[str, ...]:
        """Return the training drives of a model."""
        return tuple(dict.fromkeys(drive for name in self.models[model].train for drive in self._members(name, ())))

    def _members(self, name: str, parents: tuple[str, ...]) -> list[str]:
        """Return the drives of a group, or the drive itself."""
        if name in parents:
            raise ValueError(f"drives {name!r} contain themselves")
        if name in self.drives:
            return [drive for part in self.drives[name] for drive in self._members(part, (*parents, name))]
        if "/" not in name:
            raise ValueError(f"no drives {name!r}")
        return [name]


def read_benchmark(name: str) -> Benchmark:
    """Return a benchmark of the package, ``kitti`` or ``kitti-360``, or the benchmark of a YAML file.

    Raises:
        EvaluationError: there is no such benchmark, or its definition is not valid.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else DEFINITIONS / f"{name}.yaml"
    try:
        return Benchmark.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        known = ", ".join(sorted(file.stem for file in DEFINITIONS.glob("*.yaml")))
        raise EvaluationError(f"no benchmark {name!r}: choose {known}, or give a YAML file") from error
    except yaml.YAMLError as error:
        raise EvaluationError(f"{path}: {' '.join(str(error).split())}: correct the YAML") from error
    except ValidationError as error:
        raise EvaluationError(f"{path}: {first_fault(error)}: correct the definition") from error
