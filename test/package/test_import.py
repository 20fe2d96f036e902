# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Importing the library is light and changes no global setting."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import liploc_ros

SOURCE = Path(__file__).resolve().parents[2]
HEAVY = ("cv2", "faiss", "matplotlib", "numpy", "onnxruntime", "rclpy", "scipy", "torch")

IMPORT_ALL = """
import importlib, json, pkgutil
import cv2, faiss, matplotlib
import liploc_ros
settings = lambda: [matplotlib.rcParams._get_backend_or_none(), faiss.omp_get_max_threads(), cv2.getNumThreads()]
before, imported = settings(), []
for module in pkgutil.walk_packages(liploc_ros.__path__, "liploc_ros."):
    if ".msg" in module.name or ".srv" in module.name or "liploc_ros__" in module.name:
        continue
    try:
        importlib.import_module(module.name)
    except ImportError as error:
        if error.name is None or error.name.startswith("liploc_ros."):
            raise
        continue
    imported.append(module.name)
print(json.dumps([before, settings(), imported]))
"""


LIPLOC = """
import runpy, sys
sys.argv = {arguments}
try:
    runpy.run_module("liploc_ros.cli.main", run_name="__main__")
except SystemExit:
    pass
"""


def python(code: str) -> str:
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout


def heavy_modules_after(code: str) -> list[str]:
    report = f"import sys; print('LOADED', *[name for name in {HEAVY} if name in sys.modules])"
    return python(f"{code}\n{report}").splitlines()[-1].split()[1:]


def test_importing_the_package_loads_no_heavy_module() -> None:
    assert heavy_modules_after("import liploc_ros; dir(liploc_ros)") == []


@pytest.mark.parametrize("arguments", ["--help", "--version", "map build --help", "calibrate --help", "train --help"])
def test_no_heavy_module_is_loaded_by_liploc(arguments: str) -> None:
    assert heavy_modules_after(LIPLOC.format(arguments=["liploc", *arguments.split()])) == []


@pytest.mark.slow
def test_importing_every_module_changes_neither_the_backend_of_matplotlib_nor_thread_counts() -> None:
    before, after, imported = json.loads(python(IMPORT_ALL))
    assert before == after
    assert {
        "liploc_ros.evaluation.reporting.plots",
        "liploc_ros.mapping.search.place_index",
        "liploc_ros.cli.main",
    } <= set(imported)


@pytest.mark.parametrize("name", liploc_ros.__all__)
def test_the_top_level_api_has(name: str) -> None:
    assert getattr(liploc_ros, name).__name__ == name
    assert name in dir(liploc_ros)


def test_an_unknown_name_of_the_top_level_api_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Localiser'"):
        _ = liploc_ros.Localiser


@pytest.mark.slow
def test_the_example_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    example = re.search(r"```python\n(.*?)```", (SOURCE / "README.md").read_text(), flags=re.DOTALL)
    assert example is not None
    monkeypatch.chdir(SOURCE)
    exec(compile(example[1], "README.md", "exec"), {})  # noqa: S102
    assert re.search(r"^(SUCCESS|AMBIGUOUS|UNKNOWN_PLACE)", capsys.readouterr().out)
