"""Tables of trained and evaluated models, such as those of LIP-Loc's paper."""

from liploc_ros.evaluation.benchmark.cells import Benchmark, Cell, Model, read_benchmark
from liploc_ros.evaluation.benchmark.data import DataRoots
from liploc_ros.evaluation.benchmark.run import BenchmarkRun, CellResult

__all__ = ["Benchmark", "BenchmarkRun", "Cell", "CellResult", "DataRoots", "Model", "read_benchmark"]
