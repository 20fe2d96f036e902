"""Recipes: YAML files that change one another."""

import pytest

pytest.importorskip("torch", reason="torch is not installed: make train installs it")

from liploc_ros.learning.recipe import RecipeError, changes_of, read_recipe, recipe_names


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_of_the_package_can_be_read(name):
    assert read_recipe(name).name == name


def test_a_recipe_changes_another_in_one_line(tmp_path):
    (tmp_path / "wide.yaml").write_text("extends: aligned\ngrid: {far: 50.0}\n")
    (tmp_path / "wider.yaml").write_text("extends: wide.yaml\nnear: 9\n")
    recipe, base = read_recipe(str(tmp_path / "wider.yaml")), read_recipe("aligned")
    expected = {"name": "wider", "near": 9, "grid": base.grid.model_copy(update={"far": 50.0})}
    assert recipe == base.model_copy(update=expected)


def test_settings_of_the_command_line_change_single_keys():
    recipe = read_recipe("aligned", changes_of(["batch=8", "grid.far=50", "virtual.views=2", "precision=bfloat16"]))
    assert (recipe.batch, recipe.grid.far, recipe.virtual.views, recipe.precision) == (8, 50, 2, "bfloat16")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("extends: aligned\nstepz: 3\n", "stepz: Extra inputs are not permitted: did you mean steps?"),
        ("extends: aligned\nbatch: 0\n", "batch: Input should be greater than 1"),
        ("extends: aligned\nbatch: 8\nmicro_batch: 3\n", "no whole number of micro-batches of 3"),
        ("extends: mine.yaml\n", "extends itself"),
        ("extends: alinged\n", "'alinged': No such file or directory: give a YAML file or one of aligned"),
        ("method: telepathy\n", "method 'telepathy' is not known: choose one of aligned"),
        ("method: [aligned]\n", "is not known"),
        ("a: [\n", "mine.yaml"),
        ("just text", "holds no keys"),
    ],
)
def test_a_recipe_that_is_wrong_is_refused_in_one_line(tmp_path, text, message):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(str(tmp_path / "mine.yaml"))
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("setting", ["batch", "=3", "batch=[", "stepz=3"])
def test_a_setting_that_is_wrong_is_refused(setting):
    with pytest.raises(RecipeError, match=r"setting|stepz"):
        read_recipe("aligned", changes_of([setting]))
