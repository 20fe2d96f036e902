# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""All training methods by name, and the recipes that configure them.

This module loads the methods. Each method registers itself when its module is imported
(:func:`~liploc_ros.learning.method.register`).
"""

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

import liploc_ros.learning.aligned.method
import liploc_ros.learning.liploc.method  # noqa: F401  imported to register the method
from liploc_ros.learning.method import REGISTERED, Method
from liploc_ros.learning.recipe import BaseRecipe, RecipeError, read_settings
from liploc_ros.schema import first_fault


def read_recipe(name: str, changes: Mapping[str, Any] | None = None) -> BaseRecipe:
    """Return the recipe of a YAML file, or a recipe of the package by its name, for instance ``aligned``.

    A file with ``extends: NAME`` overrides single keys of another recipe. NAME is a recipe of the package, or a file
    relative to the folder of this file. Nested mappings such as ``grid`` are merged key by key.

    Args:
        name: file or name.
        changes: values that override the file, by key; nested keys are written with a dot: ``grid.width``.

    Raises:
        RecipeError: there is no such recipe, or a key or value in it is not allowed.
    """
    return validate_recipe(read_settings(name, changes), f"recipe {name!r}")


def validate_recipe(settings: Mapping[str, Any], source: str) -> BaseRecipe:
    """Return the recipe with these settings.

    Args:
        settings: all keys and values.
        source: name of the recipe in error messages.

    Raises:
        RecipeError: a key or value that is not allowed.
    """
    try:
        return recipe_class(settings.get("method", "aligned")).model_validate(settings)
    except RecipeError as error:
        raise RecipeError(f"{source}: {error}") from error
    except ValidationError as error:
        raise RecipeError(f"{source}: {first_fault(error)}{_key_advice(error, settings)}") from error


def recipe_class(method: object) -> type[BaseRecipe]:
    """Return the class of a method's recipes.

    Raises:
        RecipeError: there is no such method.
    """
    if str(method) not in REGISTERED:
        raise RecipeError(f"method {method!r} is not known: choose one of {', '.join(REGISTERED)}")
    return REGISTERED[str(method)].recipe


def method_of(recipe: BaseRecipe) -> Method[Any]:
    """Return the method that a recipe configures.

    Raises:
        RecipeError: the recipe is not of a registered class.
    """
    if not isinstance(recipe, recipe_class(recipe.method)):
        raise RecipeError(f"recipe {recipe.name!r} is not a recipe of method {recipe.method!r}: use read_recipe")
    return REGISTERED[recipe.method].method(recipe)


def _key_advice(error: ValidationError, settings: Mapping[str, Any]) -> str:
    """Return a suggestion for a key that does not exist; empty for other faults."""
    fault = error.errors()[0]
    if fault["type"] != "extra_forbidden" or len(fault["loc"]) != 1:
        return ""
    known = recipe_class(settings.get("method", "aligned")).model_fields
    near = get_close_matches(str(fault["loc"][0]), known, 1)
    return f": did you mean {near[0]}?" if near else f": the keys are {', '.join(known)}"
