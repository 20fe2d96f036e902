"""Evaluate a model on a drive by a protocol."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.evaluation.database import Database, database_of
from liploc_ros.evaluation.descriptors import Descriptors, StoredDescriptors, WholeDescriptors
from liploc_ros.evaluation.liploc_released_metric import released_positions
from liploc_ros.evaluation.metrics import (
    GroundTruth,
    RateByThreshold,
    RetrievalMetrics,
    counted_queries,
    depth_of_one_percent,
    recalls,
    retrieval_metrics,
)
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.evaluation.provenance import dataset_of, is_in_training
from liploc_ros.evaluation.refinement import Refiner, as_map, refined_metrics
from liploc_ros.evaluation.result import ProtocolMetrics, Result
from liploc_ros.evaluation.retrieval import Ranking, rank
from liploc_ros.evaluation.scene import Scene, yaws_of
from liploc_ros.geometry import Pose, angle_difference
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
) -> Result:
    """Return how a model does on a drive; see :class:`~liploc_ros.evaluation.protocol.Protocol` for the protocols.

    The answer is the place whose descriptor is most like the image's, and its error the horizontal distance of its base
    pose from the image's. It counts as right if that is less than a threshold.

    Raises:
        EvaluationError: no such protocol, or nothing on the drive that it could be tried on.
        LiplocError: an image or scan cannot be read.
    """
    return Evaluator(drive, bundle, options, progress=progress).run(protocol)


@dataclass(frozen=True)
class _Search:
    """Ranked places, and how far off the headings of the best are (Q,) [rad]; None where they were given."""

    ranking: Ranking
    heading_error: NDArray[np.float64] | None
    descriptor_bytes: int


@dataclass(frozen=True)
class _Found:
    """Places of a protocol, and what was found among them by compressed descriptors."""

    database: Database
    truth: GroundTruth
    features: StoredFeatures
    index: PlaceIndex
    known: bool
    search: _Search


class Evaluator:
    """A model on a drive, by any number of protocols; images are encoded once."""

    def __init__(
        self,
        drive: Drive,
        bundle: ModelBundle,
        options: EvaluationOptions = EvaluationOptions(),  # noqa: B008  frozen
        *,
        progress: bool = False,
    ) -> None:
        """Look through the drive.

        Raises:
            EvaluationError: it has no images, scans or poses.
        """
        self.scene = Scene.of(drive, options.camera)
        self.bundle = bundle
        self.options = options
        self._progress = progress
        self._encoders: Encoders = bundle.encoders()
        self._cells_of_scans: StoredFeatures | None = None

    def run(self, protocol: str) -> Result:
        """Evaluate by one protocol; see :func:`evaluate`."""
        rules = Protocol.parse(protocol)
        self._check_zero_shot(rules)
        spec = self.bundle.spec
        found = self._found(rules)
        database, truth, known, stored = found.database, found.truth, found.known, found.search
        whole = self._search(WholeDescriptors(found.features, spec), database, known)
        refined: RetrievalMetrics | None = None
        poses: tuple[Pose | None, ...] = ()
        if self.options.refine:
            lidar_map = as_map(self.scene, database, found.features, found.index, self.bundle, self.options)
            refiner = Refiner(self.scene, database, lidar_map, self.bundle, self.options)
            refined, poses = self._refined(refiner, stored.ranking, truth, known)
        metrics = ProtocolMetrics(
            **dict(_figures("compressed", truth, stored)),
            protocol=rules.name,
            zero_shot=rules.zero_shot,
            drive=self.scene.drive.name,
            camera=self.scene.camera,
            model=spec.name,
            model_id=self.bundle.id,
            trained_on=tuple(name for name in spec.training.drives if not name.startswith("object_")),
            in_training=is_in_training(self.scene.drive.name, spec.training.drives),
            headings="known" if known else "all",
            thresholds_m=self.options.thresholds,
            queries=len(truth.queries),
            places=len(truth.places),
            scans=len(self.scene.scan_rows),
            one_percent=depth_of_one_percent(len(truth.places)),
            options=self.options,
            full=_figures("uncompressed", truth, whole),
            refined=refined,
            **self._of_protocol(rules, database, truth, stored),
        )
        place = stored.ranking.places[:, 0]
        error = truth.distance(place[:, None])[:, 0]
        yaw, scores = self._yaws[stored.ranking.headings[:, 0]], stored.ranking.scores[:, 0]
        return Result(metrics, self.scene, database, place, yaw, truth.nearest(), scores, error, poses)

    def recall_over_gap(
        self, gaps: Sequence[float], done: Sequence[ProtocolMetrics] = ()
    ) -> dict[str, RateByThreshold]:
        """Return recall@1 of ``gap-D`` by D [m] and threshold; what is ``done`` is not done again.

        A gap for which no place can be drawn is left out.
        """
        curve = {metrics.protocol.removeprefix("gap-"): metrics.recall_at_1 for metrics in done}
        for gap in gaps:
            if f"{gap:g}" not in curve:
                with suppress(EvaluationError):
                    found = self._found(Protocol(kind="gap", value=gap))
                    curve[f"{gap:g}"] = recalls(found.truth, found.search.ranking)[0]
        return {f"{gap:g}": curve[f"{gap:g}"] for gap in sorted(gaps) if f"{gap:g}" in curve}

    def map_of(self, protocol: str) -> LidarMap:
        """Return the places of a protocol as a map that a localizer can search; it is not saved, and has no scans.

        Raises:
            EvaluationError: no such protocol, or no place can be drawn.
            LiplocError: a scan cannot be read.
        """
        rules = Protocol.parse(protocol)
        database = database_of(self.scene, rules, self.options)
        features = self._cells(database, rules)
        return as_map(self.scene, database, features, self._index(features), self.bundle, self.options)

    @cached_property
    def heading(self) -> int:
        """The heading among a place's that is nearest to where the camera looks."""
        return int(np.argmin(np.abs(angle_difference(self._yaws, self._axis_yaw))))

    @cached_property
    def camera_heading(self) -> float:
        """Yaw [rad] in the base frame for which a query's view stands."""
        is_whole_image = self.bundle.spec.method == "liploc"
        return self._axis_yaw if is_whole_image else float(self._yaws[self.heading])

    @cached_property
    def views(self) -> list[NDArray[np.float32]]:
        """The masked cells (h, w, D) of every query's image."""
        viewer = self._encoders.viewer(self.scene.mounted, self.camera_heading)
        queries = tqdm(range(len(self.scene.query_rows)), desc="images", disable=not self._progress)
        return [self._encoders.encode_camera(viewer.draw(self.scene.image(query))) for query in queries]

    @property
    def _axis_yaw(self) -> float:
        axis = self.scene.mounted.T_base_camera[:3, 2]
        return float(np.arctan2(axis[1], axis[0]))

    @cached_property
    def _yaws(self) -> NDArray[np.float64]:
        """(H,) of the headings of a place."""
        spec = self.bundle.spec
        headings = np.arange(spec.grid.panorama_width // spec.stride // spec.pool)
        return spec.heading_yaw(headings)

    @property
    def _true(self) -> NDArray[np.float64]:
        return np.asarray(self.scene.path[self.scene.query_rows])

    def _found(self, rules: Protocol) -> _Found:
        """Draw and encode the places of a protocol, and search them by compressed descriptors."""
        database = database_of(self.scene, rules, self.options)
        truth = self._truth(database, rules)
        known = self.options.headings == "known" and rules.kind != "revisit"
        features = self._cells(database, rules)
        index = self._index(features)
        search = self._search(StoredDescriptors(index, self.bundle.spec.pool), database, known)
        return _Found(database, truth, features, index, known, search)

    def _index(self, features: StoredFeatures) -> PlaceIndex:
        spec = self.bundle.spec
        return PlaceIndex.build(features, spec, self.options.index_size)

    def _cells(self, database: Database, rules: Protocol) -> StoredFeatures:
        """Return (P, h, around, D) cells as a map would hold them; those of the scans' own places are kept."""
        if rules.kind != "gap" and self._cells_of_scans is not None:
            return self._cells_of_scans
        origin = self.scene.T_base_lidar[:3, 3]
        total = len(database.T_map_base)
        around = (database.scans_of(self.scene, place) for place in range(total))
        drawn = draw_places(around, database.T_map_base, origin, self.bundle.spec.grid)
        panoramas = tqdm(drawn, desc=f"places of {rules.name}", total=total, disable=not self._progress)
        features = np.stack([quantize_features(self._encoders.encode_panorama(panorama)) for panorama in panoramas])
        if rules.kind != "gap":
            self._cells_of_scans = features
        return features

    def _truth(self, database: Database, rules: Protocol) -> GroundTruth:
        truth = GroundTruth(
            self._true[:, :2, 3],
            database.T_map_base[:, :2, 3],
            database.allowed,
            self.options.thresholds,
            rules.may_have_no_answer,
        )
        if not counted_queries(truth).any():
            raise EvaluationError(
                f"{self.scene.drive.source}: after {rules.name} no image has a place within "
                f"{max(self.options.thresholds):g} m left: take a drive that passes places twice, or another protocol"
            )
        return truth

    def _search(self, descriptors: Descriptors, database: Database, known: bool) -> _Search:
        depth = max(5, depth_of_one_percent(len(database.T_map_base)), self.options.candidates)
        ranking = rank(
            descriptors.of_views(self.views),
            descriptors,
            len(database.T_map_base),
            self.heading if known else None,
            database.allowed,
            depth,
        )
        error = None if known else self._heading_error(database, ranking)
        return _Search(ranking, error, descriptors.bytes)

    def _heading_error(self, database: Database, ranking: Ranking) -> NDArray[np.float64]:
        place, heading = ranking.places[:, 0], ranking.headings[:, 0]
        found = yaws_of(database.T_map_base[place]) + self._yaws[heading] - self.camera_heading
        error = np.abs(angle_difference(found, yaws_of(self._true)))
        return np.asarray(np.where(place < 0, np.pi, error))

    def _refined(
        self, refiner: Refiner, ranking: Ranking, truth: GroundTruth, known: bool
    ) -> tuple[RetrievalMetrics, tuple[Pose | None, ...]]:
        queries = tqdm(self.views, desc="refine", disable=not self._progress)
        answers = [refiner.answer(q, features, ranking, self.camera_heading) for q, features in enumerate(queries)]
        return refined_metrics(answers, self._true, truth, known), tuple(pose for pose, _ in answers)

    def _of_protocol(
        self, rules: Protocol, database: Database, truth: GroundTruth, search: _Search
    ) -> dict[str, object]:
        """Return what only some protocols report."""
        if rules.kind == "same-frame":
            counted = replace(
                truth,
                queries=released_positions(self.scene, self._true),
                places=released_positions(self.scene, database.T_map_base),
            )
            return {"released_recall_at_1": recalls(counted, search.ranking)[0]}
        if rules.kind != "revisit":
            return {}
        yaw = yaws_of(database.T_map_base[truth.nearest()])
        is_opposite = np.abs(angle_difference(yaw, yaws_of(self._true))) > np.pi / 2
        return {
            name: _figures(f"compressed, {name.replace('_', ' ')}", truth, search, among)
            for name, among in (("same_heading", ~is_opposite), ("opposite_heading", is_opposite))
        }

    def _check_zero_shot(self, rules: Protocol) -> None:
        dataset = dataset_of(self.scene.drive.name)
        known = sorted({name for name in self.bundle.spec.training.drives if dataset_of(name) == dataset})
        if rules.zero_shot and known:
            raise EvaluationError(
                f"{rules.name}: the model was trained on {dataset}, for instance {known[0]}, and "
                f"{self.scene.drive.name} is of it too: give a model of another dataset, or another protocol"
            )


def _figures(
    name: str, truth: GroundTruth, search: _Search, among: NDArray[np.bool_] | None = None
) -> RetrievalMetrics:
    return retrieval_metrics(name, truth, search.ranking, search.heading_error, search.descriptor_bytes, among)
