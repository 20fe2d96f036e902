# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Every public name of the top-level API has a docstring with an example, and the examples give what they show."""

import doctest
import shutil
from pathlib import Path

import pytest

import liploc_ros

SOURCE = Path(__file__).resolve().parents[2]
OPTIONS = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


@pytest.fixture(scope="module")
def folder(demo_map_folder, tmp_path_factory):
    """What the API page says that examples find: the demo recording, and a map of it."""
    folder = tmp_path_factory.mktemp("examples")
    (folder / "demo").symlink_to(SOURCE / "demo")
    shutil.copytree(demo_map_folder, folder / "my_map")
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", liploc_ros.__all__)
def test_the_examples_run(name, folder, monkeypatch):
    monkeypatch.chdir(folder)
    public = {"Path": Path, **{other: getattr(liploc_ros, other) for other in liploc_ros.__all__}}
    tests = doctest.DocTestFinder().find(public[name], name, globs=public)
    assert any(test.examples for test in tests if test.name == name), f"{name}: no example"
    report: list[str] = []
    for test in tests:
        doctest.DocTestRunner(optionflags=OPTIONS).run(test, out=report.append)
    assert report == []
