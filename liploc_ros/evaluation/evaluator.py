# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Evaluate a model on a drive by a protocol."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.evaluation.database import Database, database_of
from liploc_ros.evaluation.descriptors import Descriptors, FullDescriptors, StoredDescriptors
from liploc_ros.evaluation.liploc_released_metric import released_positions
from liploc_ros.evaluation.metrics import (
    GroundTruth,
    RateByThreshold,
    RetrievalMetrics,
    depth_of_one_percent,
    pose_metrics,
    recalls,
)
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.evaluation.protocol_map import map_of_places
from liploc_ros.evaluation.provenance import dataset_of, is_in_training
from liploc_ros.evaluation.result import EvaluationResult, ProtocolMetrics
from liploc_ros.evaluation.scene import Scene
from liploc_ros.evaluation.search_result import Retrieved, SearchResult, search_places
from liploc_ros.geometry import Pose, angle_difference
from liploc_ros.geometry.se2 import se2_of
from liploc_ros.localization import EncodedView, Localizer
from liploc_ros.localization.encoded_view import optical_axis_yaw
from liploc_ros.mapping import LidarMap, PlaceIndex
from liploc_ros.mapping.build import draw_places
from liploc_ros.mapping.place_index import StoredFeatures, quantize_features


def evaluate(
    drive: Drive,
    bundle: ModelBundle,
    protocol: str,
    options: EvaluationOptions = EvaluationOptions(),  # noqa: B008  frozen
    *,
    progress: bool = False,
) -> EvaluationResult:
    """Return how well a model localizes a drive by a protocol, see :class:`Protocol`.

    Retrieval returns the place whose descriptor is most similar to the image's. Its error is the horizontal distance
    between the base poses of place and image; it is correct if the error is below a threshold.

    Raises:
        EvaluationError: no such protocol, or the drive has nothing to evaluate it on.
        LiplocError: an image or scan cannot be read.
    """
    return Evaluator(drive, bundle, options, progress=progress).run(protocol)


class Evaluator:
    """A model on a drive, evaluated by any number of protocols; each image is encoded once.

    Attributes:
        scene: images, scans and path of the drive.
        bundle: the model.
        options: how places are drawn and searched.
        encoders: of the model.
    """

    def __init__(
        self,
        drive: Drive,
        bundle: ModelBundle,
        options: EvaluationOptions = EvaluationOptions(),  # noqa: B008  frozen
        *,
        progress: bool = False,
    ) -> None:
        """Read the index of the drive.

        Raises:
            EvaluationError: it has no images, scans or poses.
        """
        self.scene = Scene.of(drive, options.camera)
        self.bundle = bundle
        self.options = options
        self.encoders: Encoders = bundle.encoders()
        self._progress = progress
        self._features_of_scans: StoredFeatures | None = None

    def run(self, protocol: str) -> EvaluationResult:
        """Evaluate by one protocol; see :func:`evaluate`."""
        rules = Protocol.parse(protocol)
        self._check_zero_shot(rules)
        retrieved = self._retrieve(rules)
        database, truth, search = retrieved.database, retrieved.truth, retrieved.search
        full = self._search(FullDescriptors(retrieved.features, self.bundle.spec), database, retrieved.heading_known)
        localized, poses = self._localize(retrieved) if self.options.refine else (None, ())
        spec = self.bundle.spec
        metrics = ProtocolMetrics(
            **dict(search.metrics("compressed", truth)),
            protocol=rules.name,
            zero_shot=rules.zero_shot,
            drive=self.scene.drive.name,
            camera=self.scene.camera,
            model=spec.name,
            model_id=self.bundle.id,
            trained_on=tuple(name for name in spec.training.drives if not name.startswith("object_")),
            in_training=is_in_training(self.scene.drive.name, spec.training.drives),
            headings="known" if retrieved.heading_known else "all",
            thresholds_m=self.options.thresholds,
            queries=len(truth.queries),
            places=len(truth.places),
            scans=len(self.scene.scan_rows),
            one_percent=depth_of_one_percent(len(truth.places)),
            options=self.options,
            full=full.metrics("uncompressed", truth),
            localized=localized,
            **self._metrics_of_protocol(rules, database, truth, search),
        )
        place = search.ranking.places[:, 0]
        return EvaluationResult(
            metrics,
            self.scene,
            database,
            place,
            heading=spec.heading_yaws[search.ranking.headings[:, 0]],
            nearest=truth.nearest(),
            scores=search.ranking.scores[:, 0],
            position_error=truth.distance(place[:, None])[:, 0],
            T_map_base_localized=poses,
        )

    def recall_over_gap(
        self, gaps: Sequence[float], done: Sequence[ProtocolMetrics] = ()
    ) -> dict[str, RateByThreshold]:
        """Return recall@1 of ``gap-D`` by D [m] and threshold; results in ``done`` are not computed again.

        A gap for which no place can be drawn is left out.
        """
        curve = {metrics.protocol.removeprefix("gap-"): metrics.recall_at_1 for metrics in done}
        for gap in gaps:
            if f"{gap:g}" not in curve:
                with suppress(EvaluationError):
                    retrieved = self._retrieve(Protocol(kind="gap", value=gap))
                    curve[f"{gap:g}"] = recalls(retrieved.truth, retrieved.search.ranking)[0]
        return {f"{gap:g}": curve[f"{gap:g}"] for gap in sorted(gaps) if f"{gap:g}" in curve}

    def map_of(self, protocol: str) -> LidarMap:
        """Return the places of a protocol as a map that a localizer can search; it is not saved, and has no scans.

        Raises:
            EvaluationError: no such protocol, or no place can be drawn.
            LiplocError: a scan cannot be read.
        """
        rules = Protocol.parse(protocol)
        database = database_of(self.scene, rules, self.options)
        features = self._features(database, rules)
        index = PlaceIndex.build(features, self.bundle.spec, self.options.index_size)
        return map_of_places(self.scene, database, features, index, self.bundle, self.options)

    @cached_property
    def heading(self) -> int:
        """The heading of the search index that is nearest to the camera's optical axis."""
        difference = angle_difference(self.bundle.spec.heading_yaws, optical_axis_yaw(self.scene.mounted))
        return int(np.argmin(np.abs(difference)))

    @cached_property
    def camera_heading(self) -> float:
        """Yaw [rad] in the base frame of the middle of the queries' views."""
        if self.bundle.spec.embeds_whole_image:
            return optical_axis_yaw(self.scene.mounted)
        return float(self.bundle.spec.heading_yaws[self.heading])

    @cached_property
    def views(self) -> list[EncodedView]:
        """The encoded image of every query."""
        camera, heading = self.scene.mounted, self.camera_heading
        viewer = self.encoders.viewer(camera, heading)
        queries = tqdm(range(len(self.scene.query_rows)), desc="images", disable=not self._progress)
        images = (viewer.draw(self.scene.image(query)) for query in queries)
        return [EncodedView(self.encoders.encode_camera(view), camera, heading) for view in images]

    @property
    def _true_poses(self) -> NDArray[np.float64]:
        """(Q, 4, 4) where the queries were taken."""
        return np.asarray(self.scene.path[self.scene.query_rows])

    def _retrieve(self, rules: Protocol) -> Retrieved:
        """Draw and encode the places of a protocol, and search them by compressed descriptors."""
        database = database_of(self.scene, rules, self.options)
        truth = self._truth(database, rules)
        heading_known = self.options.headings == "known" and rules.kind != "revisit"
        features = self._features(database, rules)
        index = self._index(features)
        search = self._search(StoredDescriptors(index, self.bundle.spec.pool), database, heading_known)
        return Retrieved(database, truth, features, index, heading_known, search)

    def _localize(self, retrieved: Retrieved) -> tuple[RetrievalMetrics, tuple[Pose | None, ...]]:
        """Refine the best places of every query with the localizer; return metrics and poses."""
        database, index = retrieved.database, retrieved.index
        lidar_map = map_of_places(self.scene, database, retrieved.features, index, self.bundle, self.options)
        localizer = Localizer(lidar_map, self.bundle, encoders=self.encoders)
        found = []
        for query, view in enumerate(tqdm(self.views, desc="localize", disable=not self._progress)):
            matches = localizer.match(view, retrieved.search.ranking.candidates(query, self.options.candidates))
            if database.allowed is not None:  # matching also looks at the neighbours of candidates
                matches = matches.select(database.allowed[query, matches.place])
            found.append(localizer.estimate(matches).best)
        poses = tuple(None if best is None else best.T_map_base for best in found)
        scores = np.array([-np.inf if best is None else best.score for best in found])
        known = retrieved.heading_known
        return pose_metrics(poses, scores, self._true_poses, retrieved.truth, heading_known=known), poses

    def _index(self, features: StoredFeatures) -> PlaceIndex:
        """Return an index of every heading: the camera's own may lie between those that a map indexes."""
        return PlaceIndex.build(features, self.bundle.spec, self.options.index_size, heading_step=1)

    def _features(self, database: Database, rules: Protocol) -> StoredFeatures:
        """Return (P, h, columns, D) features as a map would store them; those of the scans' own places are kept."""
        if rules.kind != "gap" and self._features_of_scans is not None:
            return self._features_of_scans
        total = len(database.T_map_base)
        scans = (database.scans_of(self.scene, place) for place in range(total))
        origin = self.scene.T_base_lidar[:3, 3]
        drawn = draw_places(scans, database.T_map_base, origin, self.bundle.spec.grid)
        panoramas = tqdm(drawn, desc=f"places of {rules.name}", total=total, disable=not self._progress)
        features = np.stack([quantize_features(self.encoders.encode_panorama(panorama)) for panorama in panoramas])
        if rules.kind != "gap":
            self._features_of_scans = features
        return features

    def _truth(self, database: Database, rules: Protocol) -> GroundTruth:
        truth = GroundTruth(
            self._true_poses[:, :2, 3],
            database.T_map_base[:, :2, 3],
            database.allowed,
            self.options.thresholds,
            only_answerable=rules.may_have_no_answer,
        )
        if not truth.counted_queries().any():
            raise EvaluationError(
                f"{self.scene.drive.source}: {rules.name} leaves no image with a place within "
                f"{max(self.options.thresholds):g} m: give a drive that revisits places, or another protocol"
            )
        return truth

    def _search(self, descriptors: Descriptors, database: Database, heading_known: bool) -> SearchResult:
        return search_places(
            self.views,
            descriptors,
            database,
            self.bundle.spec,
            heading=self.heading if heading_known else None,
            candidates=self.options.candidates,
            T_map_base_true=self._true_poses,
        )

    def _metrics_of_protocol(
        self, rules: Protocol, database: Database, truth: GroundTruth, search: SearchResult
    ) -> dict[str, object]:
        """Return the metrics that only some protocols have."""
        if rules.kind == "same-frame":
            released = replace(
                truth,
                queries=released_positions(self.scene, self._true_poses),
                places=released_positions(self.scene, database.T_map_base),
            )
            return {"released_recall_at_1": recalls(released, search.ranking)[0]}
        if rules.kind != "revisit":
            return {}
        nearest_yaw = se2_of(database.T_map_base[truth.nearest()])[:, 2]
        is_opposite = np.abs(angle_difference(nearest_yaw, se2_of(self._true_poses)[:, 2])) > np.pi / 2
        return {
            "same_heading": search.metrics("compressed, same heading", truth, ~is_opposite),
            "opposite_heading": search.metrics("compressed, opposite heading", truth, is_opposite),
        }

    def _check_zero_shot(self, rules: Protocol) -> None:
        dataset = dataset_of(self.scene.drive.name)
        trained = sorted({name for name in self.bundle.spec.training.drives if dataset_of(name) == dataset})
        if rules.zero_shot and trained:
            raise EvaluationError(
                f"{rules.name}: the model was trained on {dataset}, for instance {trained[0]}; "
                f"{self.scene.drive.name} is of the same dataset: give a model of another dataset, or another protocol"
            )
