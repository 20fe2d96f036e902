# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Exhaustive search of a long map: every place and heading is compared, by the same codes and weights.

    python -m benchmarks.scale.exhaustive MAP MODEL QUERIES X Y

The best places of all tiles are matched as the localizer matches those of the coarse index, so that only the search
differs. Prints a line of JSON.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import faiss
import numpy as np
import typer
from numpy.typing import NDArray

from benchmarks.scale.measure import CONFIG, search_all
from benchmarks.scale.queries import Queries
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.coding.descriptor_coding import add_codes
from liploc_ros.localization import Localization, Localizer
from liploc_ros.localization.long_map.focus import FINE_CANDIDATES, REACH
from liploc_ros.mapping.features import describe
from liploc_ros.mapping.search.coarse_index import CoarseCandidates
from liploc_ros.mapping.search.rescoring import distinct
from liploc_ros.mapping.tiled_map import TiledMap
from liploc_ros.threads import limit_threads

KEPT = 2000  # best of all tiles, before those next to a better one are left out
BATCH = 50  # tiles in memory
EMPTY = np.zeros(0, np.intp)


def main(
    folder: Annotated[Path, typer.Argument(help="The map.")],
    model: Annotated[Path, typer.Argument(help="Model that built it.")],
    queries: Annotated[Path, typer.Argument(help="Encoded views.")],
    x: Annotated[float, typer.Argument(help="Where the drive begins [m].")],
    y: Annotated[float, typer.Argument(help="Where the drive begins [m].")],
    threads: Annotated[int, typer.Option(help="Of FAISS; nothing is timed.")] = 2,
) -> None:
    """Search a map exhaustively."""
    limit_threads()
    faiss.omp_set_num_threads(threads)
    stored, bundle = Queries.load(queries), ModelBundle.load(model)
    tiled = TiledMap.open(folder, bundle)
    coding, metric = tiled.coding.descriptors, tiled.coarse_index().metric
    views = np.stack([describe(view, tiled.manifest.pool) for view in stored.features])
    found = exhaustive_candidates(tiled, metric.weigh(views @ coding.components))
    encoders = bundle.encoders()

    def localize(number: int) -> Localization:
        best = distinct(found[number], tiled.manifest.headings, FINE_CANDIDATES)
        part = tiled.beside(best.tile, best.place, REACH)
        localizer = Localizer(part or tiled.sample(1), bundle, CONFIG, encoders)
        stored.use_in(localizer)
        return localizer.localize(stored.image(number), stored.camera, 0)

    typer.echo(json.dumps(search_all(localize, stored.truth(np.array([x, y])))))


def exhaustive_candidates(tiled: TiledMap, queries: NDArray[np.float32]) -> list[CoarseCandidates]:
    """Return the best places and headings of a map for queries (Q, d): projected and weighed descriptors."""
    best = [CoarseCandidates(EMPTY, EMPTY, EMPTY, np.zeros((0, 2), np.float32), np.zeros(0, np.float32))] * len(queries)
    for first in range(0, len(tiled), BATCH):
        numbers = range(first, min(first + BATCH, len(tiled)))
        opened = [tiled.tile(number) for number in numbers]
        index = tiled.coding.descriptors.index()
        for tile in opened:
            codes = tile.descriptors(tile.searched)
            add_codes(index, codes.reshape(-1, tiled.coding.descriptors.bytes))
        inner: Any = faiss.downcast_index(index.index)  # the queries are projected already
        score, row = inner.search(queries, KEPT)
        place, heading = np.divmod(row, tiled.manifest.headings)
        tile_of = np.repeat(numbers, [len(tile.searched) for tile in opened])
        row_of = np.concatenate([tile.searched for tile in opened])
        xy_of = np.concatenate([tile.xy[tile.searched] for tile in opened])
        for q in range(len(queries)):
            at = place[q]
            new = CoarseCandidates(tile_of[at], row_of[at], heading[q], xy_of[at].astype(np.float32), score[q])
            pairs: Any = zip(best[q], new, strict=True)
            joined = CoarseCandidates(*map(np.concatenate, pairs))
            best[q] = joined.select(np.argsort(-joined.score, kind="stable")[:KEPT])
    return best


if __name__ == "__main__":
    typer.run(main)
