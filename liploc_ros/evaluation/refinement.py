"""What the localizer makes of the best places: dense matching, and the mean of what agrees."""

from collections.abc import Sequence
from datetime import datetime, timezone

import numpy as np
from numpy.typing import NDArray

from liploc_ros import __version__
from liploc_ros.encoders import ModelBundle
from liploc_ros.evaluation.database import Database
from liploc_ros.evaluation.metrics import RIGHT, GroundTruth, RetrievalMetrics, counted_queries, median
from liploc_ros.evaluation.options import EvaluationOptions
from liploc_ros.evaluation.rates import acceptance_curve, chance_of, rate
from liploc_ros.evaluation.retrieval import Ranking
from liploc_ros.evaluation.scene import Scene, yaws_of
from liploc_ros.geometry import Pose, angle_difference
from liploc_ros.localization import LocalizerConfig
from liploc_ros.localization.feature_comparison import weights_of
from liploc_ros.localization.hypotheses import base_poses, merge
from liploc_ros.localization.matching import refine
from liploc_ros.mapping import Candidate, LidarMap, Manifest, MapConfig, PlaceIndex
from liploc_ros.mapping.lidar_map import KEYFRAME, POINT
from liploc_ros.mapping.place_index import StoredFeatures


class Refiner:
    """Refines ranked places as :class:`~liploc_ros.localization.Localizer` does; its camera is the scene's."""

    def __init__(
        self, scene: Scene, database: Database, lidar_map: LidarMap, bundle: ModelBundle, options: EvaluationOptions
    ) -> None:
        self._scene, self._database = scene, database
        self._map = lidar_map
        self._confidence_model = bundle.spec.confidence_model
        self._weights = weights_of(self._confidence_model, lidar_map.features.shape[1])
        self._config = LocalizerConfig()
        self._candidates = options.candidates

    def answer(
        self, query: int, features: NDArray[np.float32], ranking: Ranking, camera_heading: float
    ) -> tuple[Pose | None, float]:
        """Return the base pose that a query's view (h, w, D) is found at, and its score; None if nothing was found."""
        ranked = zip(ranking.places[query], ranking.headings[query], ranking.scores[query], strict=True)
        candidates = [Candidate(int(p), int(h), float(s)) for p, h, s in ranked if p >= 0][: self._candidates]
        matches = refine(candidates, features, self._map, self._config.heading_reach, self._weights)
        if self._database.allowed is not None:  # refinement also looks at the neighbours of places
            matches = matches.where(self._database.allowed[query, matches.place])
        poses = base_poses(matches, self._map, self._scene.mounted, camera_heading)
        found = merge(matches, poses, self._map, self._scene.mounted, self._confidence_model, self._config)
        return (found[0].T_map_base, found[0].score) if found else (None, float("-inf"))


def refined_metrics(
    answers: Sequence[tuple[Pose | None, float]], true: NDArray[np.float64], truth: GroundTruth, known: bool
) -> RetrievalMetrics:
    """Return the figures of answers to queries that were taken at base poses ``true`` (Q, 4, 4).

    Recall is of the localizer's first hypothesis, and chance that of a place drawn at random. Where the heading was
    ``known``, it was not sought farther than the refinement reaches, and its error is not given.
    """
    found = np.stack([np.full((4, 4), np.inf) if pose is None else pose for pose, _ in answers])
    lost = np.array([pose is None for pose, _ in answers])
    position = np.where(lost, np.inf, np.linalg.norm(found[:, :2, 3] - true[:, :2, 3], axis=1))
    turned = angle_difference(yaws_of(np.where(lost[:, None, None], np.eye(4), found)), yaws_of(true))
    right, total = truth.counts()
    at_1 = {}
    for column, threshold in enumerate(truth.thresholds):
        asked = right[:, column] > 0 if truth.only_answerable else np.ones(len(true), bool)
        if asked.any():
            chance = chance_of(right[asked, column], total[asked], 1)
            at_1[f"{threshold:g}"] = rate(position[asked] < threshold, chance)
    asked = counted_queries(truth)
    return RetrievalMetrics(
        search="refined",
        recall_at_1=at_1,
        median_position_error_m=median(position[asked]),
        median_heading_error_deg=None if known else median(np.rad2deg(np.where(lost, np.pi, np.abs(turned)))[asked]),
        acceptance=acceptance_curve(np.array([score for _, score in answers])[asked], position[asked] < RIGHT),
    )


def as_map(
    scene: Scene,
    database: Database,
    features: StoredFeatures,
    index: PlaceIndex,
    bundle: ModelBundle,
    options: EvaluationOptions,
) -> LidarMap:
    """Return the places of a protocol as a map, which is not saved; it has no scans.

    Args:
        scene: the drive.
        database: the places.
        features: (P, h, around, D) of their panoramas, as a map holds them.
        index: over them.
        bundle: the model that drew them.
        options: spacing, and scans of a place.
    """
    spec, drive = bundle.spec, scene.drive
    x, y, z = map(float, scene.T_base_lidar[:3, 3])
    manifest = Manifest(
        liploc_version=__version__,
        created_at=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        model_id=bundle.id,
        model_name=spec.name,
        grid=spec.grid,
        method=spec.method,
        stride=spec.stride,
        pool=spec.pool,
        channels=spec.channels,
        config=MapConfig(place_spacing=options.place_spacing, scans_per_place=options.scans_per_place),
        map_frame=drive.map_frame,
        base_frame=drive.base_frame,
        datum=drive.datum,
        view_origin=(x, y, z),
        sources=(),
        keyframes=0,
        places=len(features),
        headings=features.shape[2] // spec.pool,
        path_length=float(scene.along[-1]),
        files={},
    )
    return LidarMap(manifest, database.T_map_base, features, np.zeros(0, KEYFRAME), np.zeros(0, POINT), index)
