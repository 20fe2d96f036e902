# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Evaluate a model on a drive by a protocol."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import numpy as np
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.evaluation.database import Database, database_of
from liploc_ros.evaluation.descriptors import Descriptors, FullDescriptors, StoredDescriptors
from liploc_ros.evaluation.drawn_places import DrawnPlaces
from liploc_ros.evaluation.liploc_released_metric import released_positions
from liploc_ros.evaluation.localizer_metrics import localizer_metrics, pose_errors
from liploc_ros.evaluation.metrics import GroundTruth, RateByThreshold, depth_of_one_percent, recalls
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.evaluation.provenance import dataset_of, is_in_training
from liploc_ros.evaluation.result import EvaluationResult, ProtocolMetrics
from liploc_ros.evaluation.scene import Scene
from liploc_ros.evaluation.scene.camera_conditions import CameraConditions
from liploc_ros.evaluation.scene.queries import Queries
from liploc_ros.evaluation.search_result import Retrieved, SearchResult, search_places
from liploc_ros.geometry import angle_difference
from liploc_ros.geometry.se2 import se2_of
from liploc_ros.localization import Localization, Localizer
from liploc_ros.mapping import LidarMap


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
    """A model on a drive, evaluated by any number of protocols.

    What protocols have in common is computed once: images are encoded once per condition of the camera, and places are
    drawn once per pass and gap.

    Attributes:
        scene: images, scans and path of the drive as recorded.
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
        self._queries: dict[CameraConditions, Queries] = {}
        self._drawn: dict[tuple[object, ...], DrawnPlaces] = {}

    def run(self, protocol: str) -> EvaluationResult:
        """Evaluate by one protocol; see :func:`evaluate`."""
        rules = Protocol.parse(protocol)
        scene = self.check(rules)
        retrieved = self._retrieve(rules, scene)
        queries, database, truth, search = retrieved.queries, retrieved.database, retrieved.truth, retrieved.search
        spec, known = self.bundle.spec, retrieved.heading_known
        full = self._search(FullDescriptors(retrieved.drawn.features, spec), queries, database, known)
        localized = self._localize(retrieved) if self.options.refine else ()
        true = queries.T_map_base
        metrics = ProtocolMetrics(
            **dict(search.metrics("compressed", truth)),
            protocol=rules.name,
            zero_shot=rules.zero_shot,
            gap_m=rules.value if rules.kind == "gap" else None,
            drive=scene.drive.name,
            camera=scene.camera,
            model=spec.name,
            model_id=self.bundle.id,
            trained_on=tuple(name for name in spec.training.drives if not name.startswith("object_")),
            in_training=is_in_training(scene.drive.name, spec.training.drives),
            headings="known" if known else "all",
            thresholds_m=self.options.thresholds,
            queries=len(truth.queries),
            places=len(truth.places),
            scans=len(scene.scan_rows),
            one_percent=depth_of_one_percent(len(truth.places)),
            options=self.options,
            full=full.metrics("uncompressed", truth),
            localized=localizer_metrics(localized, true, truth, heading_known=known) if localized else None,
            **self._metrics_of_protocol(rules, retrieved),
        )
        place = search.ranking.places[:, 0]
        return EvaluationResult(
            metrics,
            scene,
            database,
            place,
            heading=spec.heading_yaws[search.ranking.headings[:, 0]],
            camera_heading=queries.camera_heading,
            nearest=truth.nearest(),
            scores=search.ranking.scores[:, 0],
            position_error=truth.distance(place[:, None])[:, 0],
            localized=localized,
            localized_error=pose_errors(localized, se2_of(true)) if localized else np.zeros((0, 3)),
        )

    def check(self, protocol: Protocol) -> Scene:
        """Return the scene under the conditions of a protocol, if the protocol can be evaluated on it.

        Raises:
            EvaluationError: a condition does not fit the cameras of the drive, or the model was trained on the dataset
                of a zero-shot protocol.
        """
        dataset = dataset_of(self.scene.drive.name)
        trained = sorted({name for name in self.bundle.spec.training.drives if dataset_of(name) == dataset})
        if protocol.zero_shot and trained:
            raise EvaluationError(
                f"{protocol.name}: the model was trained on {dataset}, for instance {trained[0]}; "
                f"{self.scene.drive.name} is of the same dataset: give a model of another dataset, or another protocol"
            )
        return self.scene.under(protocol.mapped, protocol.camera, self.options)

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
                    retrieved = self._retrieve(Protocol(kind="gap", value=gap), self.scene)
                    curve[f"{gap:g}"] = recalls(retrieved.truth, retrieved.search.ranking)[0]
        return {f"{gap:g}": curve[f"{gap:g}"] for gap in sorted(gaps) if f"{gap:g}" in curve}

    def map_of(self, protocol: str) -> LidarMap:
        """Return the places of a protocol as a map that a localizer can search; it is not saved, and has no scans.

        Raises:
            EvaluationError: no such protocol, or no place can be drawn.
            LiplocError: a scan cannot be read.
        """
        rules = Protocol.parse(protocol)
        scene = self.scene.under(rules.mapped, rules.camera, self.options)
        database = database_of(scene, rules, self.options)
        return self._draw(rules, scene, database).as_map(scene, database, self.encoders, self.options)

    def _retrieve(self, rules: Protocol, scene: Scene) -> Retrieved:
        """Draw and encode the places of a protocol, and search them by compressed descriptors."""
        database = database_of(scene, rules, self.options)
        queries = self._queries.setdefault(rules.camera, Queries(scene, self.encoders, self._progress))
        truth = self._truth(rules, scene, queries, database)
        heading_known = self.options.headings == "known" and not rules.searches_all_headings
        drawn = self._draw(rules, scene, database)
        index = drawn.index(self.encoders, self.options)
        descriptors = StoredDescriptors(index, self.bundle.spec.pool)
        search = self._search(descriptors, queries, database, heading_known)
        return Retrieved(scene, queries, database, truth, drawn, index, heading_known, search)

    def _draw(self, rules: Protocol, scene: Scene, database: Database) -> DrawnPlaces:
        """Return the drawn places; those of an earlier protocol if they are the same."""
        is_gap = rules.kind == "gap"
        key = (rules.value, rules.mapped, scene.camera) if is_gap else ()
        if key not in self._drawn:
            title = f"places of {rules.name}" if self._progress else None
            self._drawn[key] = DrawnPlaces.of(scene, database, self.encoders, title)
        return self._drawn[key]

    def _localize(self, retrieved: Retrieved) -> tuple[Localization | None, ...]:
        """Return the result of the localizer for each query by itself."""
        if retrieved.heading_known or retrieved.database.allowed is not None:
            return self._match_retrieved(retrieved)
        scene = retrieved.scene
        lidar_map = retrieved.drawn.as_map(scene, retrieved.database, self.encoders, self.options)
        localizer = Localizer(lidar_map, self.bundle, encoders=self.encoders)
        results: list[Localization | None] = []
        for query in tqdm(range(len(scene.query_rows)), desc="localize", disable=not self._progress):
            localizer.forget_tilts()
            results.append(localizer.localize(scene.image(query), scene.mounted, 0))
        return tuple(results)

    def _match_retrieved(self, retrieved: Retrieved) -> tuple[Localization | None, ...]:
        """Return the result of matching the retrieved places, whose heading or number is limited.

        An image that shows nothing has no result.
        """
        database, index = retrieved.database, retrieved.index
        lidar_map = retrieved.drawn.as_map(retrieved.scene, database, self.encoders, self.options, index)
        localizer = Localizer(lidar_map, self.bundle, encoders=self.encoders)
        results: list[Localization | None] = []
        views = tqdm(retrieved.queries.views, desc="localize", disable=not self._progress)
        for query, (view, has_content) in enumerate(zip(views, retrieved.queries.have_content, strict=True)):
            matches = localizer.match(view, retrieved.search.ranking.candidates(query, self.options.candidates))
            if database.allowed is not None:  # matching also looks at the neighbours of candidates
                matches = matches.select(database.allowed[query, matches.place])
            results.append(localizer.estimate(matches) if has_content else None)
        return tuple(results)

    def _truth(self, rules: Protocol, scene: Scene, queries: Queries, database: Database) -> GroundTruth:
        truth = GroundTruth(
            queries.T_map_base[:, :2, 3],
            scene.mapped.forward_positions(database.T_map_base)[:, :2],
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

    def _search(
        self, descriptors: Descriptors, queries: Queries, database: Database, heading_known: bool
    ) -> SearchResult:
        return search_places(
            queries.views,
            descriptors,
            database,
            self.bundle.spec,
            heading=queries.heading if heading_known else None,
            candidates=self.options.candidates,
            T_map_base_true=queries.T_map_base,
        )

    def _metrics_of_protocol(self, rules: Protocol, retrieved: Retrieved) -> dict[str, object]:
        """Return the metrics that only some protocols have."""
        truth, search, true = retrieved.truth, retrieved.search, retrieved.queries.T_map_base
        T_map_base = retrieved.database.T_map_base
        if rules.kind == "same-frame":
            released = replace(
                truth,
                queries=released_positions(retrieved.scene, true),
                places=released_positions(retrieved.scene, T_map_base),
            )
            return {"released_recall_at_1": recalls(released, search.ranking)[0]}
        if rules.kind != "revisit":
            return {}
        nearest_yaw = se2_of(T_map_base[truth.nearest()])[:, 2]
        is_opposite = np.abs(angle_difference(nearest_yaw, se2_of(true)[:, 2])) > np.pi / 2
        return {
            "same_heading": search.metrics("compressed, same heading", truth, ~is_opposite),
            "opposite_heading": search.metrics("compressed, opposite heading", truth, is_opposite),
        }
