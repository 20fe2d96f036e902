# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Recipes: YAML files that extend one another, and the methods that they configure."""

import subprocess
import sys
from typing import Literal

import pytest

pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from support.toy_method import ToyMethod

from liploc_ros.learning import method as methods
from liploc_ros.learning.recipe import BaseRecipe, RecipeError, changes_of, recipe_names
from liploc_ros.learning.registry import method_of, read_recipe, validate_recipe


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_of_the_package_is_valid(name):
    assert read_recipe(name).name == name


def test_a_recipe_extends_another_one(tmp_path):
    (tmp_path / "wide.yaml").write_text("extends: aligned\ngrid: {far: 50.0}\n")
    (tmp_path / "wider.yaml").write_text("extends: wide.yaml\nmin_negative_distance: 9\n")
    recipe, base = read_recipe(str(tmp_path / "wider.yaml")), read_recipe("aligned")
    grid = base.grid.model_copy(update={"far": 50.0})
    assert recipe == base.model_copy(update={"name": "wider", "min_negative_distance": 9, "grid": grid})


def test_settings_of_the_command_line_change_single_keys():
    recipe = read_recipe("aligned", changes_of(["batch=8", "grid.far=50", "virtual.views=2", "precision=bfloat16"]))
    assert (recipe.batch, recipe.grid.far, recipe.virtual.views, recipe.precision) == (8, 50, 2, "bfloat16")


def test_keys_of_older_recipes_are_read():
    old = {"name": "old", "near": 9, "common": 0.5, "across_frames": 2, "whole_views": 3}
    recipe = validate_recipe({**old, "virtual": {"nearest": 2, "farthest": 7, "cleaned": 0.5}}, "old")
    assert (recipe.min_negative_distance, recipe.mean_removal) == (9, 0.5)
    assert (recipe.frame_loss_weight, recipe.view_loss_weight) == (2, 3)
    assert (recipe.virtual.min_gap, recipe.virtual.max_gap, recipe.virtual.remove_dynamic) == (2, 7, 0.5)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: aligned\nstepz: 3\n", "stepz: Extra inputs are not permitted: did you mean steps?"),
        ("extends: aligned\nnear: 3\n", "near: Extra inputs are not permitted: the keys are name"),
        ("extends: aligned\nbatch: 0\n", "batch: Input should be greater than 1"),
        ("extends: aligned\nbatch: 8\nmicro_batch: 3\n", "a batch of 8 is not a multiple of micro_batch 3"),
        ("extends: mine.yaml\n", "extends itself"),
        ("extends: alinged\n", "'alinged': No such file or directory: give a YAML file or one of aligned"),
        ("method: telepathy\n", "method 'telepathy' is not known: choose one of aligned"),
        ("method: [aligned]\n", "is not known"),
        ("a: [\n", "mine.yaml"),
        ("just text", "not a mapping"),
    ],
)
def test_an_invalid_recipe_is_refused_in_one_line(tmp_path, text, message):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(str(tmp_path / "mine.yaml"))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("setting", ["batch", "=3", "batch=[", "stepz=3"])
def test_an_invalid_setting_is_refused(setting):
    with pytest.raises(RecipeError, match=r"setting|stepz"):
        read_recipe("aligned", changes_of([setting]))


def test_a_registered_method_is_configured_by_its_recipes(monkeypatch):
    class ToyRecipe(BaseRecipe):
        method: Literal["toy"] = "toy"

    monkeypatch.setitem(methods.REGISTERED, "toy", None)  # restored after the test
    methods.register(ToyRecipe)(lambda recipe: ToyMethod())
    recipe = validate_recipe({"name": "mine", "method": "toy"}, "mine")
    assert isinstance(recipe, ToyRecipe) and isinstance(method_of(recipe), ToyMethod)


def test_reading_settings_loads_neither_methods_nor_torch():
    code = "import sys, liploc_ros.learning.recipe; print({'torch', 'liploc_ros.learning.registry'} & {*sys.modules})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"
