"""All methods, by the name that a recipe gives."""

from collections.abc import Mapping
from typing import Any

from liploc_ros.learning.aligned.method import AlignedMethod
from liploc_ros.learning.aligned.recipe import AlignedRecipe
from liploc_ros.learning.liploc.method import LiplocMethod
from liploc_ros.learning.liploc.recipe import LiplocRecipe
from liploc_ros.learning.method import Method
from liploc_ros.learning.recipe import BaseRecipe, RecipeError

RECIPES: Mapping[str, type[BaseRecipe]] = {"aligned": AlignedRecipe, "liploc": LiplocRecipe}


def recipe_class(method: object) -> type[BaseRecipe]:
    """Return the class of a method's recipes.

    Raises:
        RecipeError: no such method.
    """
    if str(method) not in RECIPES:
        raise RecipeError(f"method {method!r} is not known: choose one of {', '.join(RECIPES)}")
    return RECIPES[str(method)]


def method_of(recipe: BaseRecipe) -> Method[Any]:
    """Return the method that a recipe sets up."""
    if isinstance(recipe, AlignedRecipe):
        return AlignedMethod(recipe)
    if isinstance(recipe, LiplocRecipe):
        return LiplocMethod(recipe)
    raise RecipeError(f"recipe {recipe.name!r} is of no known method: choose one of {', '.join(RECIPES)}")
