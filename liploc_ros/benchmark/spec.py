"""What a benchmark holds: a YAML file of models, and of tables that test them."""

from collections.abc import Mapping
from pathlib import Path

import yaml
from pydantic import ValidationError, model_validator

from liploc_ros.evaluation.options import EvaluationError
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.schema import FrozenModel

OWN = Path(__file__).parent / "definitions"


class Model(FrozenModel):
    """A recipe, and the drives or groups of drives that it is trained on."""

    recipe: str
    train: tuple[str, ...]


class BenchmarkTable(FrozenModel):
    """Models by tests by protocols."""

    title: str
    models: tuple[str, ...]
    tests: tuple[str, ...]
    protocols: tuple[str, ...]


class Cell(FrozenModel):
    """One model on one drive by one protocol. Drives are named ``kitti/08`` or ``kitti-360/0000``."""

    model: str
    test: str
    protocol: str

    @property
    def id(self) -> str:
        """Name of its file."""
        return f"{self.model}.{self.test.replace('/', '-')}.{self.protocol}"


class Benchmark(FrozenModel):
    """The whole of it."""

    drives: Mapping[str, tuple[str, ...]] = {}
    models: Mapping[str, Model]
    tables: tuple[BenchmarkTable, ...]

    @model_validator(mode="after")
    def _is_consistent(self) -> "Benchmark":
        for table in self.tables:
            for model in table.models:
                if model not in self.models:
                    raise ValueError(f"table {table.title!r}: no model {model!r}")
                seen = set(self.trained_on(model)) & set(table.tests)
                if seen:
                    raise ValueError(f"table {table.title!r}: {model} is trained on {sorted(seen)[0]}, a test")
            for protocol in table.protocols:
                Protocol.parse(protocol)
        return self

    def cells(self, table: BenchmarkTable) -> list[Cell]:
        """Return the cells of a table; those of one model and drive are neighbours."""
        return [
            Cell(model=model, test=test, protocol=protocol)
            for model in table.models
            for test in table.tests
            for protocol in table.protocols
        ]

    def trained_on(self, model: str) -> tuple[str, ...]:
        """Return the drives of a model."""
        return tuple(dict.fromkeys(drive for name in self.models[model].train for drive in self._members(name, ())))

    def _members(self, name: str, groups: tuple[str, ...]) -> list[str]:
        if name in groups:
            raise ValueError(f"drives {name!r} contain themselves")
        if name in self.drives:
            return [drive for part in self.drives[name] for drive in self._members(part, (*groups, name))]
        if "/" not in name:
            raise ValueError(f"no drives {name!r}")
        return [name]


def read_benchmark(name: str) -> Benchmark:
    """Return one of the package's benchmarks by name, ``kitti`` or ``kitti-360``, or that of a YAML file.

    Raises:
        EvaluationError: there is none, or it is no benchmark.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else OWN / f"{name}.yaml"
    try:
        return Benchmark.model_validate(yaml.safe_load(path.read_text()))
    except OSError as error:
        known = ", ".join(sorted(file.stem for file in OWN.glob("*.yaml")))
        raise EvaluationError(f"no benchmark {name!r}: choose {known}, or give a YAML file") from error
    except yaml.YAMLError as error:
        raise EvaluationError(f"{path}: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise EvaluationError(f"{path}: {where}{first['msg']}") from error
