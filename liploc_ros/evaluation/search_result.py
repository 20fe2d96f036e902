# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The result of searching the places of a protocol by descriptors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from liploc_ros.encoders import ModelSpec
from liploc_ros.evaluation.database import Database
from liploc_ros.evaluation.descriptors import Descriptors
from liploc_ros.evaluation.drawn_places import DrawnPlaces
from liploc_ros.evaluation.metrics import GroundTruth, RetrievalMetrics, depth_of_one_percent, retrieval_metrics
from liploc_ros.evaluation.retrieval import Ranking, rank
from liploc_ros.evaluation.scene import Scene
from liploc_ros.evaluation.scene.queries import Queries
from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import se2_of
from liploc_ros.localization import EncodedView
from liploc_ros.mapping import PlaceIndex


@dataclass(frozen=True)
class SearchResult:
    """Ranked places.

    Attributes:
        ranking: of all queries.
        heading_error: (Q,) of the best places [rad], not negative; None if the heading was given.
        descriptor_bytes: size of a descriptor of a place at one heading.
    """

    ranking: Ranking
    heading_error: NDArray[np.float64] | None
    descriptor_bytes: int

    def metrics(self, name: str, truth: GroundTruth, subset: NDArray[np.bool_] | None = None) -> RetrievalMetrics:
        """Return the metrics of the ranking, for all queries or a subset (Q,)."""
        return retrieval_metrics(name, truth, self.ranking, self.heading_error, self.descriptor_bytes, subset)


@dataclass(frozen=True)
class Retrieved:
    """The places of a protocol, and what compressed descriptors find among them.

    Attributes:
        scene: the drive under the conditions of the protocol.
        queries: its images.
        database: the places.
        truth: the correct places of each query.
        drawn: the places as a map stores them.
        index: over every heading of them.
        heading_known: whether the heading was given to the search.
        search: its result.
    """

    scene: Scene
    queries: Queries
    database: Database
    truth: GroundTruth
    drawn: DrawnPlaces
    index: PlaceIndex
    heading_known: bool
    search: SearchResult


def search_places(
    views: list[EncodedView],
    descriptors: Descriptors,
    database: Database,
    spec: ModelSpec,
    *,
    heading: int | None,
    candidates: int,
    T_map_base_true: NDArray[np.float64],
) -> SearchResult:
    """Rank the places of a protocol for every query.

    Args:
        views: (Q) of the queries.
        descriptors: of the places.
        database: the places.
        spec: of the model.
        heading: the only heading that is searched; None for all.
        candidates: number of places that the localizer needs.
        T_map_base_true: (Q, 4, 4) where the queries were taken, for the heading error.
    """
    places = len(database.T_map_base)
    depth = max(5, depth_of_one_percent(places), candidates)
    queries = descriptors.of_views([view.features for view in views])
    ranking = rank(queries, descriptors, places, heading, database.allowed, depth)
    if heading is not None:
        return SearchResult(ranking, None, descriptors.bytes)
    place = ranking.places[:, 0]
    view_yaw = spec.heading_yaws[ranking.headings[:, 0]] - np.array([view.heading for view in views])
    yaw = se2_of(database.T_map_base[place])[:, 2] + view_yaw
    error = np.abs(angle_difference(yaw, se2_of(T_map_base_true)[:, 2]))
    return SearchResult(ranking, np.asarray(np.where(place < 0, np.pi, error)), descriptors.bytes)
