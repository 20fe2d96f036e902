# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The base of all settings and file descriptions, and validation errors as one sentence."""

from pydantic import BaseModel, ConfigDict, ValidationError


class FrozenModel(BaseModel):
    """A pydantic model that cannot be changed and that refuses unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def first_fault(error: ValidationError, *, show_input: bool = False) -> str:
    """Return the first fault of a validation as ``key.subkey: reason``.

    Args:
        error: of pydantic.
        show_input: also name the value that was refused: ``key = value: reason``.
    """
    fault = error.errors()[0]
    key = ".".join(str(part) for part in fault["loc"])
    if show_input:
        return f"{key or 'settings'} = {fault['input']!r}: {fault['msg']}"
    return f"{key}: {fault['msg']}" if key else str(fault["msg"])
