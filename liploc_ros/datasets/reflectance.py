# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Which field of a point cloud holds the reflectance, and its range of values."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.schema import FrozenModel

REFLECTANCE_FIELDS = ("reflectivity", "reflectance", "intensity", "intensities", "i")
"""Fields by priority: calibrated reflectivity does not depend on range, intensity often does."""

BYTE_MAX = 255.0
QUANTILE = 0.99
"""Share of the values that must be below the maximum of a range."""
MAX_SATURATED = 0.05
"""Share of values at the maximum above which the range is too small."""


class ReflectanceSettings(FrozenModel):
    """What the user knows about the reflectance of a LiDAR. The defaults detect it."""

    field: str = Field("", description="field of the PointCloud2 with the reflectance; empty: found by its name")
    max: float = Field(0.0, ge=0, allow_inf_nan=False, description="value of full reflectance; 0: detected")


class ReflectanceScale(NamedTuple):
    """The field with the reflectance (empty if there is none), and its value of full reflectance."""

    field: str
    max: float


def detect_scale(
    values: Mapping[str, NDArray[np.generic]],
    settings: ReflectanceSettings = ReflectanceSettings(),  # noqa: B008
) -> ReflectanceScale:
    """Return the field and scale of the reflectance.

    The first of REFLECTANCE_FIELDS that is above 0 somewhere is used. Bytes have a maximum of 255. Other numbers have
    a maximum of 1 if none is larger, of 255 if 99 % of those above 0 are not larger, and otherwise their 99 % quantile.

    Args:
        values: the values of some scans, by field.
        settings: what the user knows.
    """
    names = [name for name in REFLECTANCE_FIELDS if name in values]
    if settings.field:
        names = [settings.field] if settings.field in values else []
    if not names:
        return ReflectanceScale("", 1.0)
    field = next((name for name in names if np.any(_finite(values[name]) > 0)), names[0])
    return ReflectanceScale(field, settings.max or _maximum(values[field]))


def normalize(values: NDArray[np.float32], scale: ReflectanceScale) -> NDArray[np.float32]:
    """Return reflectance (N,) from 0 to 1. NaN becomes 0, infinity 1."""
    scaled = np.nan_to_num(values / np.float32(scale.max), nan=0.0, posinf=1.0, neginf=0.0)
    return np.asarray(np.clip(scaled, 0, 1), np.float32)


def describe_saturation(reflectance: Sequence[NDArray[np.float32]], scale: ReflectanceScale) -> str:
    """Return a warning if much of the reflectance of some scans is at an end of its range, otherwise an empty string.

    Args:
        reflectance: (N,) of each scan, 0 to 1.
        scale: that gave it.
    """
    if not scale.field:
        return "points have no reflectance (fields " + ", ".join(REFLECTANCE_FIELDS) + "): images are found less often"
    values = np.concatenate([*reflectance, np.zeros(0, np.float32)])
    if not len(values):
        return ""
    if (share := float(np.mean(values >= 1))) > MAX_SATURATED:
        return f"{share:.0%} of field {scale.field} are at or above {scale.max:g}: give its maximum"
    if not np.any(values):
        return f"field {scale.field} is nowhere above 0: give another field"
    if (highest := float(np.quantile(values, QUANTILE))) < 1 / 16:
        return f"99 % of field {scale.field} are below {highest:.1%} of {scale.max:g}: give its maximum"
    return ""


def _finite(values: NDArray[np.generic]) -> NDArray[np.float64]:
    numbers = np.asarray(values, np.float64)
    return numbers[np.isfinite(numbers)]


def _maximum(values: NDArray[np.generic]) -> float:
    finite = _finite(values)
    if values.dtype.itemsize == 1:
        return BYTE_MAX
    if not len(finite) or finite.max() <= 1:
        return 1.0
    quantile = float(np.quantile(finite[finite > 0], QUANTILE, method="lower"))
    return BYTE_MAX if quantile <= BYTE_MAX else quantile
