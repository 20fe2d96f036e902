"""What is trained, and how: one YAML file, which may change another in a line or two."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, model_validator

from liploc_ros.errors import LiplocError
from liploc_ros.schema import FrozenModel

OWN = Path(__file__).parent / "recipes"
SUFFIXES = (".yaml", ".yml")


class RecipeError(LiplocError):
    """A recipe that cannot be read."""


class BaseRecipe(FrozenModel):
    """Settings that all methods share. Lengths in metres."""

    name: str
    method: str
    steps: int = Field(1200, gt=0)
    batch: int = Field(16, gt=1, description="pairs of a step, over all processes: each is every other's negative")
    micro_batch: int = Field(0, ge=0, description="pairs encoded at once in a process; 0: all of them, the quickest")
    warm_up: float = Field(0.15, ge=0, lt=1, description="share of the steps in which the learning rates rise")
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(0.0, ge=0, description="largest norm of the gradients; 0: none")
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the averaged weights that are exported; 0: the last ones")
    seed: int = Field(0, ge=0)
    singles: float = Field(0.25, ge=0, le=1, description="share of a batch that comes from drives of one frame")
    sequences: int = Field(0, ge=0, description="how many of the given drives are trained on; 0: all")
    checkpoint_every: int = Field(200, gt=0, description="steps")
    validate_every: int = Field(0, ge=0, description="steps between two looks at the held-out drive; 0: none")

    @model_validator(mode="after")
    def _fits(self) -> "BaseRecipe":
        if self.micro_batch and self.batch % self.micro_batch:
            raise ValueError(f"a batch of {self.batch} is no whole number of micro-batches of {self.micro_batch}")
        return self


def read_recipe(name: str, changes: Mapping[str, Any] | None = None) -> BaseRecipe:
    """Return the recipe of a YAML file, or of the package's own by name, for instance ``aligned``.

    A file with ``extends: NAME`` changes the recipe of that name (or of that file, seen from its own folder) in the
    keys that it gives; keys within ``grid`` and the like one by one.

    Args:
        name: file or name.
        changes: values that replace the file's, by key; a dot leads into a part: ``grid.width``.

    Raises:
        RecipeError: no such recipe, or a key or value in it that is not allowed.
    """
    settings = {"name": _file(name, None).stem, **_settings(name, None, ())}
    for key, value in (changes or {}).items():
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        settings = _changed(settings, nested)
    return recipe_of(settings, f"recipe {name!r}")


def recipe_of(settings: Mapping[str, Any], source: str) -> BaseRecipe:
    """Return the recipe of all its settings; ``source`` names them in errors.

    Raises:
        RecipeError: a key or value that is not allowed.
    """
    from liploc_ros.learning.registry import recipe_class  # the methods' recipes extend the class above

    try:
        return recipe_class(settings.get("method", "aligned")).model_validate(settings)
    except RecipeError as error:
        raise RecipeError(f"{source}: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise RecipeError(f"{source}: {where}{first['msg']}{_nearest_key(first, settings)}") from error


def _nearest_key(error: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    """Return advice where a key that does not exist resembles one that does."""
    if error["type"] != "extra_forbidden" or len(error["loc"]) != 1:
        return ""
    from liploc_ros.learning.registry import recipe_class

    known = recipe_class(settings.get("method", "aligned")).model_fields
    near = get_close_matches(str(error["loc"][0]), known, 1)
    return f": did you mean {near[0]}?" if near else f": there are {', '.join(known)}"


def changes_of(settings: Iterable[str]) -> dict[str, Any]:
    """Return the changes that texts of the form ``KEY=VALUE`` ask for; values are read as in a recipe.

    Raises:
        RecipeError: a text of another form.
    """
    changes = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        try:
            changes[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"setting {setting!r}: {' '.join(str(error).split())}") from error
        if not equals or not key.strip():
            raise RecipeError(f"setting {setting!r}: expected KEY=VALUE, for instance batch=32")
    return changes


def _settings(name: str, beside: Path | None, children: tuple[str, ...]) -> dict[str, Any]:
    """Return all settings of a recipe, those that it takes over included."""
    file = _file(name, beside)
    if str(file) in children:
        raise RecipeError(f"recipe {name!r} extends itself: take one of its `extends` out")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise RecipeError(
            f"recipe {name!r}: {reason}: give a YAML file or one of {', '.join(recipe_names())}"
        ) from error
    except yaml.YAMLError as error:
        raise RecipeError(f"recipe {name!r}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise RecipeError(f"recipe {name!r}: holds no keys with values: see the package's learning/recipes")
    extended = content.pop("extends", None)
    if extended is None:
        return content
    inherited = _settings(str(extended), file.parent, (*children, str(file)))
    inherited.pop("name", None)
    return _changed(inherited, content)


def recipe_names() -> list[str]:
    """Return the names of the package's own recipes."""
    return sorted(file.name.removesuffix(".yaml") for file in OWN.iterdir() if file.name.endswith(".yaml"))


def _file(name: str, beside: Path | None) -> Path:
    if name.endswith(SUFFIXES):
        return (beside or Path()) / name
    return OWN / f"{name}.yaml"


def _changed(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``old`` with the values of ``new``; where both hold a mapping, it is changed and not replaced."""
    both = {k: _changed(old[k], v) for k, v in new.items() if isinstance(v, dict) and isinstance(old.get(k), dict)}
    return {**old, **new, **both}
