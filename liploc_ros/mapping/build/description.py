# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The manifest of a new map."""

from datetime import datetime, timezone

from liploc_ros import __version__
from liploc_ros.encoders import ModelBundle
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.manifest import Manifest, Source
from liploc_ros.mapping.search.heading_compressor import heading_step_of


def describe_map(
    bundle: ModelBundle,
    config: MapConfig,
    *,
    map_frame: str,
    base_frame: str,
    datum: str,
    view_origin: tuple[float, float, float],
    places: int,
    path_length: float,
    keyframes: int = 0,
    sources: tuple[Source, ...] = (),
    coding: str | None = None,
) -> Manifest:
    """Return the manifest of a new map that was not saved yet; see :class:`Manifest` for the arguments."""
    spec = bundle.spec
    return Manifest(
        liploc_version=__version__,
        created_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model_id=bundle.id,
        model_name=spec.name,
        trained_on=spec.training.drives,
        grid=spec.grid,
        stride=spec.stride,
        method=spec.method,
        pool=spec.pool,
        channels=spec.channels,
        config=config,
        confidence_model=spec.confidence_model,
        map_frame=map_frame,
        base_frame=base_frame,
        datum=datum,
        view_origin=view_origin,
        sources=sources,
        keyframes=keyframes,
        places=places,
        headings=spec.headings // heading_step_of(spec),
        path_length=path_length,
        coding=coding,
    )
