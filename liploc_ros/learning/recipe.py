"""What is trained, and how: one YAML file."""

from importlib import resources
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from liploc_ros.errors import LiplocError
from liploc_ros.geometry import ViewGrid


class RecipeError(LiplocError):
    """A recipe that cannot be read."""


class Recipe(BaseModel):
    """Settings of a training run. Lengths in metres."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    grid: ViewGrid = ViewGrid()
    gaps: tuple[float, ...] = Field((0, 3, 6, 10), min_length=1)
    steps: int = Field(1000, gt=0)
    batch: int = Field(16, gt=1)
    near: float = Field(6.0, ge=0)
    trunk_rate: float = Field(3e-4, gt=0)
    head_rate: float = Field(1.5e-3, gt=0)
    warm_up: float = Field(0.15, gt=0, lt=1)
    weight_decay: float = Field(1e-2, ge=0)
    singles: float = Field(0.25, ge=0, le=1)
    seed: int = 0


def read_recipe(name: str) -> Recipe:
    """Return the recipe of a YAML file, or of the package's own by name, for instance ``aligned``.

    Raises:
        RecipeError: no such recipe, or a key or value in it that is not allowed.
    """
    own = resources.files("liploc_ros.learning") / "recipes" / f"{name}.yaml"
    path = Path(name)
    try:
        text = path.read_text() if path.suffix in (".yaml", ".yml") else own.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no text"
        raise RecipeError(f"recipe {name!r}: {reason}: give a YAML file or the name of a recipe") from error
    try:
        return Recipe.model_validate(yaml.safe_load(text))
    except (yaml.YAMLError, ValidationError) as error:
        first = error.errors()[0] if isinstance(error, ValidationError) else None
        reason = f"{'.'.join(map(str, first['loc']))}: {first['msg']}" if first else str(error).replace("\n", " ")
        raise RecipeError(f"recipe {name!r}: {reason}") from error
