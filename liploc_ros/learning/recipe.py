# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Settings of a training run: a YAML file, which may extend another one."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, model_validator

from liploc_ros.errors import LiplocError
from liploc_ros.schema import FrozenModel

PACKAGE_RECIPES = Path(__file__).parent / "recipes"
SUFFIXES = (".yaml", ".yml")


class RecipeError(LiplocError):
    """A recipe that cannot be read."""


class BaseRecipe(FrozenModel):
    """Settings that all methods share. Lengths are in metres.

    A *single* is a drive of one frame, such as a frame of KITTI's object benchmark. It has no pose and no neighbours.
    """

    name: str
    method: str
    steps: int = Field(1200, gt=0)
    batch: int = Field(16, gt=1, description="pairs per step over all processes; all other pairs are the negatives")
    micro_batch: int = Field(0, ge=0, description="pairs encoded at once in a process; 0: all of them, the fastest")
    warm_up: float = Field(0.15, ge=0, lt=1, description="fraction of the steps in which the learning rates rise")
    weight_decay: float = Field(1e-2, ge=0)
    clip: float = Field(0.0, ge=0, description="maximum norm of the gradients; 0: no limit")
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    ema: float = Field(0.0, ge=0, lt=1, description="decay of the averaged weights that are exported; 0: no averaging")
    seed: int = Field(0, ge=0)
    singles: float = Field(0.25, ge=0, le=1, description="fraction of a batch that comes from drives of one frame")
    sequences: int = Field(0, ge=0, description="number of the given drives to train on; 0: all")
    min_frame_distance: float = Field(0.0, ge=0, description="frames of a drive closer than this are left out [m]")
    max_frames: int = Field(0, ge=0, description="of each drive, evenly chosen; 0: all")
    checkpoint_every: int = Field(200, gt=0, description="steps")
    validate_every: int = Field(0, ge=0, description="steps between two validations on the held-out drive; 0: never")
    cuda_graph: bool = Field(True, description="on one GPU, record the kernels of a step and launch them together")

    @model_validator(mode="after")
    def _check_micro_batch(self) -> "BaseRecipe":
        if self.micro_batch and self.batch % self.micro_batch:
            raise ValueError(f"a batch of {self.batch} is not a multiple of micro_batch {self.micro_batch}")
        return self


def read_settings(name: str, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return all settings of a recipe, before they are validated.

    See :func:`~liploc_ros.learning.registry.read_recipe`.

    Raises:
        RecipeError: there is no such recipe, or the file is not a mapping.
    """
    settings = {"name": _file(name, None).stem, **_read(name, None, ())}
    for key, value in (changes or {}).items():
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        settings = _merge(settings, nested)
    return settings


def changes_of(settings: Iterable[str]) -> dict[str, Any]:
    """Parse texts of the form ``KEY=VALUE``; values are parsed as YAML.

    Raises:
        RecipeError: a text of another form.
    """
    changes = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        try:
            changes[key.strip()] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise RecipeError(f"setting {setting!r}: {' '.join(str(error).split())}: give KEY=VALUE") from error
        if not equals or not key.strip():
            raise RecipeError(f"setting {setting!r}: expected KEY=VALUE, for instance batch=32")
    return changes


def recipe_names() -> list[str]:
    """Return the names of the recipes in the package."""
    return sorted(file.name.removesuffix(".yaml") for file in PACKAGE_RECIPES.iterdir() if file.name.endswith(".yaml"))


def _read(name: str, folder: Path | None, parents: tuple[str, ...]) -> dict[str, Any]:
    """Return the settings of a file, merged into those of the recipe that it extends."""
    file = _file(name, folder)
    if str(file) in parents:
        raise RecipeError(f"recipe {name!r} extends itself: remove one `extends`")
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise RecipeError(
            f"recipe {name!r}: {reason}: give a YAML file or one of {', '.join(recipe_names())}"
        ) from error
    except yaml.YAMLError as error:
        raise RecipeError(f"recipe {name!r}: {' '.join(str(error).split())}: correct the YAML") from error
    if not isinstance(content, dict):
        raise RecipeError(f"recipe {name!r}: not a mapping of keys to values: see the package's learning/recipes")
    extended = content.pop("extends", None)
    if extended is None:
        return content
    inherited = _read(str(extended), file.parent, (*parents, str(file)))
    inherited.pop("name", None)
    return _merge(inherited, content)


def _file(name: str, folder: Path | None) -> Path:
    if name.endswith(SUFFIXES):
        return (folder or Path()) / name
    return PACKAGE_RECIPES / f"{name}.yaml"


def _merge(old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``old`` updated with ``new``; where both hold a mapping, the mappings are merged."""
    both = {k: _merge(old[k], v) for k, v in new.items() if isinstance(v, dict) and isinstance(old.get(k), dict)}
    return {**old, **new, **both}
