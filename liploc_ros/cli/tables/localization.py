# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The results of ``liploc localize``, as a table or as JSON."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from rich.markup import escape
from rich.table import Column, Table

from liploc_ros.cli.inputs.images import ImageInput
from liploc_ros.errors import LiplocError
from liploc_ros.geometry import yaw_of
from liploc_ros.localization import Hypothesis, Localization, Localizer
from liploc_ros.mapping import LidarMap


class ImageResult(NamedTuple):
    """The outcome for an image: a localization, or why the image cannot be used.

    Attributes:
        image: the image.
        camera: optical frame; None if the camera is not known.
        outcome: result or error.
    """

    image: ImageInput
    camera: str | None
    outcome: Localization | LiplocError


def localize_image(localizer: Localizer, image: ImageInput) -> ImageResult:
    """Localize an image and catch the error of one that cannot be used."""
    mounted = None
    outcome: Localization | LiplocError
    try:
        mounted = image.camera()
        outcome = localizer.localize(image.read(), mounted, image.stamp_ns)
    except LiplocError as error:
        outcome = error
    return ImageResult(image, mounted.frame_id if mounted else None, outcome)


def localization_table(results: Sequence[ImageResult]) -> Table:
    """Return a table with one row per image."""
    table = Table(
        Column("image", overflow="fold"),
        r"x \[m]",
        r"y \[m]",
        "heading\n\\[deg]",
        "prob.",
        "conf.",
        Column("status", no_wrap=True, min_width=13),
        "latency\n\\[ms]",
        padding=(0, 0, 0, 1),  # rows named by stamps fit into 80 columns
    )
    for image, _, outcome in results:
        if isinstance(outcome, LiplocError):
            table.add_row(escape(image.name), "", "", "", "", "", "ERROR", "")
        else:
            status, latency = outcome.status.name, f"{outcome.latency_ms:.1f}"
            table.add_row(escape(image.name), *_pose_columns(outcome.best), status, latency)
    return table


def _pose_columns(best: Hypothesis | None) -> tuple[str, ...]:
    if best is None:
        return ("",) * 5
    return (
        f"{best.T_map_base[0, 3]:.2f}",
        f"{best.T_map_base[1, 3]:.2f}",
        f"{np.rad2deg(yaw_of(best.T_map_base)):.1f}",
        f"{best.probability:.3f}",
        f"{best.confidence:.3f}",
    )


def as_dict(result: ImageResult, lidar_map: LidarMap) -> dict[str, object]:
    """Return a result as a dictionary for JSON."""
    description: dict[str, object] = {
        "image": result.image.name,
        "stamp_ns": result.image.stamp_ns,
        "camera": result.camera,
        "map_frame": lidar_map.manifest.map_frame,
        "base_frame": lidar_map.manifest.base_frame,
    }
    outcome = result.outcome
    if isinstance(outcome, LiplocError):
        return {**description, "error": str(outcome)}
    return {
        **description,
        "status": outcome.status.name,
        "message": outcome.message,
        "latency_ms": round(outcome.latency_ms, 3),
        "hypotheses": [
            {
                "T_map_base": h.T_map_base.tolist(),
                "covariance": h.covariance.tolist(),
                "score": h.score,
                "probability": h.probability,
                "confidence": h.confidence,
                "place_id": h.place_id,
            }
            for h in outcome.hypotheses
        ],
    }
