# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Tiles built by the workers of a Ray cluster."""

import logging
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from liploc_ros.encoders import DEFAULT_BUNDLE, Encoders, ModelBundle
from liploc_ros.mapping.build.free_memory import return_free_memory
from liploc_ros.mapping.build.plan import BuildPlan
from liploc_ros.mapping.build.tile_builder import TileBuilder
from liploc_ros.mapping.build.write_map import BuildTiles
from liploc_ros.mapping.config import MapConfig
from liploc_ros.mapping.tile_manifest import MapError
from liploc_ros.mapping.tiles.tile import Tile
from liploc_ros.threads import limit_threads

RETRIES = 5  # of a tile whose worker was killed
TILES_PER_CORE = 2  # that are handed out: more would only fill the memory of the cluster


def build_tile(
    plan: BuildPlan, number: int, bundle: Path | None, model_id: str, coding: str | None, config: MapConfig
) -> Tile:
    """Return a tile; for a worker on any machine that can read the recordings and the model at the same paths.

    Args:
        plan: of the map; its keyframes read their points from the recordings.
        number: of the tile.
        bundle: folder of the model; None: that of the package.
        model_id: of the model that the map is built with.
        coding: checksum of its coding.
        config: settings of the map.

    Raises:
        MapError: this machine has another model.
        DatasetError: a recording cannot be read here.
    """
    encoders = _encoders(bundle)
    spec = encoders.bundle.spec
    if encoders.bundle.id != model_id or spec.coding != coding:
        raise MapError(f"{encoders.bundle.path}: a worker has another model here: install the same one on all machines")
    tile = TileBuilder(plan, encoders, config).build(number)
    return_free_memory()
    return tile


def ray_tiles(address: str, bundle: ModelBundle, config: MapConfig) -> BuildTiles:
    """Return the function that has tiles built by a cluster.

    A worker that is killed costs its tile only, which another one builds. Tiles are those of one machine, to the byte,
    if the processors compute alike.

    Args:
        address: HOST:PORT of the head of the cluster, or ``auto`` on one of its machines.
        bundle: the model whose features the map stores; workers read it from the same folder.
        config: settings of the map.

    Raises:
        MapError: Ray is not installed.
    """
    try:
        import ray
    except ImportError as error:
        raise MapError("a cluster needs Ray: pip install 'liploc_ros[ray]'") from error

    def build(
        plan: BuildPlan, numbers: Sequence[int], on_stations: Callable[[int], object]
    ) -> Iterator[tuple[int, Tile]]:
        started = not ray.is_initialized()
        if started:
            try:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
            except (ConnectionError, RuntimeError, ValueError) as error:
                reason = " ".join(str(error).split())[:200]
                raise MapError(f"no Ray cluster at {address} ({reason}): start one with 'ray start --head'") from error
        try:
            for number, tile in _results(ray, plan, numbers, bundle, config):
                on_stations(len(plan.places_of(number)))
                yield number, tile
        except ray.exceptions.RayTaskError as error:
            reason = (str(error.cause).splitlines() or [type(error.cause).__name__])[0]
            raise MapError(f"a worker failed: {reason}") from error
        except ray.exceptions.RayError as error:
            reason = " ".join(str(error).split())[:200]
            raise MapError(f"the cluster failed ({reason}): the same command continues") from error
        finally:
            if started:
                ray.shutdown()

    return build


def _results(
    ray: Any, plan: BuildPlan, numbers: Sequence[int], bundle: ModelBundle, config: MapConfig
) -> Iterator[tuple[int, Tile]]:
    """Yield tiles in the order in which they are finished."""
    task = ray.remote(build_tile).options(num_cpus=1, max_retries=RETRIES)
    plan_on_cluster = ray.put(plan)
    folder = None if bundle.path.absolute() == DEFAULT_BUNDLE.absolute() else bundle.path.absolute()
    limit = max(1, int(ray.cluster_resources().get("CPU", 1))) * TILES_PER_CORE
    waiting = list(reversed(numbers))
    running: dict[Any, int] = {}
    while waiting or running:
        while waiting and len(running) < limit:
            number = waiting.pop()
            reference = task.remote(plan_on_cluster, number, folder, bundle.id, bundle.spec.coding, config)
            running[reference] = number
        finished, _ = ray.wait(list(running), num_returns=1)
        for reference in finished:
            number = running.pop(reference)
            yield number, ray.get(reference)


@lru_cache(1)
def _encoders(bundle: Path | None) -> Encoders:
    """Return the encoders of this process, loaded once."""
    limit_threads()
    return ModelBundle.load(bundle).encoders(threads=1)
