# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Settings of the coarse index, and what it is built from."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from liploc_ros.schema import FrozenModel

VECTORS_PER_LIST = 200  # at least, so that lists are worth their centroid
LISTS, LONG_LIST = 1024, 16_384  # above so many lists, they have at least so many descriptors
SAMPLES_PER_LIST = 32  # at least, from which the centroids are learned


class CoarseConfig(FrozenModel):
    """How the coarse index is built."""

    bytes: int = Field(16, gt=0, description="per place and heading; divides the length of a projected descriptor")
    max_lists: int = Field(4096, gt=0, description="inverted lists of a map of 10,000 km; fewer for a shorter one")
    training: int = Field(
        65_536, gt=0, description="descriptors from which lists and codebooks are learned, at least; more for long maps"
    )
    training_tiles: int = Field(256, gt=0, description="tiles from which they are taken, spread over the map")
    shard: int = Field(4_000_000, gt=0, description="descriptors in memory while the index is built")

    def lists(self, count: int) -> int:
        """Return the number of inverted lists for ``count`` descriptors, a power of two."""
        wanted = max(min(LISTS, count // VECTORS_PER_LIST), count // LONG_LIST)
        return int(1 << (max(1, min(self.max_lists, wanted)).bit_length() - 1))


class CoarsePlaces(NamedTuple):
    """The coarsely indexed places of a tile: every fourth one on the path.

    Attributes:
        places: (N,) rows of the tile's places.
        xy: (N, 2) positions in the map frame [m].
        descriptors: (N, headings, d) float32, projected descriptors of the indexed headings.
    """

    places: NDArray[np.integer]
    xy: NDArray[np.floating]
    descriptors: NDArray[np.float32]


class CoarseSource(Protocol):
    """The tiles of a map, as far as the coarse index needs them."""

    def __len__(self) -> int:
        """Return the number of tiles."""

    def coarse_places(self, tile: int) -> CoarsePlaces:
        """Return the coarsely indexed places of a tile; read from disk, not kept."""


def training_sample(source: CoarseSource, config: CoarseConfig, lists: int) -> NDArray[np.float32]:
    """Return projected descriptors (N, d) spread over the map, for so many lists; the same for the same map."""
    tiles = _spread(len(source), config.training_tiles)
    per_tile = -(-max(config.training, SAMPLES_PER_LIST * lists) // len(tiles))
    parts = []
    for tile in tiles:
        descriptors = source.coarse_places(tile).descriptors
        flat = descriptors.reshape(-1, descriptors.shape[-1])
        # The step is odd, so that headings are sampled evenly as well.
        parts.append(flat[:: max(1, len(flat) // per_tile) | 1])
    return np.ascontiguousarray(np.concatenate(parts), np.float32)


def _spread(count: int, wanted: int) -> Sequence[int]:
    return np.unique(np.linspace(0, count - 1, min(count, wanted)).round().astype(int)).tolist()  # type: ignore[no-any-return]
