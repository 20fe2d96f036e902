# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tables of trained and evaluated models, such as those of LIP-Loc's paper."""

from liploc_ros.benchmark.data import DataRoots
from liploc_ros.benchmark.run import BenchmarkRun, CellResult
from liploc_ros.benchmark.spec import Benchmark, Cell, Model, read_benchmark

__all__ = ["Benchmark", "BenchmarkRun", "Cell", "CellResult", "DataRoots", "Model", "read_benchmark"]
