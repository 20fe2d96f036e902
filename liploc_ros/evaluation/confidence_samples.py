# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Gather confidence samples of a model on a drive that it was not trained on."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive
from liploc_ros.datasets.left_out import warn_once
from liploc_ros.encoders import ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.evaluation.evaluator import Evaluator
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.protocol import Protocol
from liploc_ros.evaluation.provenance import drive_of
from liploc_ros.evaluation.scene import CameraConditions
from liploc_ros.geometry import MountedCamera, Pose
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization import EncodedView, Localizer
from liploc_ros.localization.calibration.samples import ConfidenceSample
from liploc_ros.localization.feature_comparison import MIN_COLUMN_SIMILARITY

# No place of gap-8 is drawn from a scan near the image; the same holds for a map. The other protocols are conditions in
# which the confidence must be right as well: narrow, covered and bad views, a wrong mount, and other lanes.
PROTOCOL = "gap-8"
PROTOCOLS = (
    *(PROTOCOL, "crop-60", "crop-45", "crop-30", "covered-20", "blur-3", "dark-0.3", "grey", "tilt-1"),
    *("lane-1.75", "lane--3.5"),
)
OFF_MAP = "other places"
_Recording = tuple[Drive, str | None, CameraConditions]
MIN_SCANS = 10  # of a recording that becomes a map for off-map images


def gather_samples(
    drive: Drive,
    elsewhere: Sequence[Drive],
    bundle: ModelBundle,
    options: EvaluationOptions = EvaluationOptions(),  # noqa: B008  frozen
    protocols: Sequence[str] = PROTOCOLS,
    *,
    progress: bool = False,
) -> list[ConfidenceSample]:
    """Return the samples of :func:`gather_by_protocol` together."""
    gathered = gather_by_protocol(drive, elsewhere, bundle, options, protocols, progress=progress)
    return [sample for samples in gathered.values() for sample in samples]


def gather_by_protocol(
    drive: Drive,
    elsewhere: Sequence[Drive],
    bundle: ModelBundle,
    options: EvaluationOptions = EvaluationOptions(),  # noqa: B008  frozen
    protocols: Sequence[str] = PROTOCOLS,
    *,
    progress: bool = False,
    with_images_of_elsewhere: bool = True,
) -> dict[str, list[ConfidenceSample]]:
    """Return samples of on-map images by protocol, and of off-map images (``OFF_MAP``); every heading is searched.

    On-map images are those of the drive on its own map, by each protocol. Off-map images are those of the other
    recordings on the drive's map, and those of the drive on maps of the other recordings that have at least 10 scans
    with poses, each under the conditions that the protocols set for images. Images without content are left out, and so
    are conditions that a camera does not allow.

    Args:
        drive: that the model was not trained on.
        elsewhere: recordings of other places; they may have a single frame each.
        bundle: the model.
        options: camera of the drive, place spacing [m], and scans per place.
        protocols: see :class:`Protocol`; the drive must allow the first one.
        progress: show progress bars.
        with_images_of_elsewhere: False: only images of the drive are off-map images, on maps of the other recordings.
            Images that a model knows from its training match other places better than unseen ones.

    Raises:
        EvaluationError: the drive has no images, scans or poses, is too short, or is also given as elsewhere.
        LiplocError: an image or scan cannot be read.
    """
    if any(_overlap(other, drive) for other in elsewhere):
        raise EvaluationError(f"{drive.name} is given as elsewhere too: give drives of other places")
    bundle = _comparing_as_fitted(bundle)
    evaluator = Evaluator(drive, bundle, options, progress=progress)
    rules = [Protocol.parse(protocol) for protocol in protocols]
    localizers: dict[tuple[object, ...], Localizer] = {}
    samples: dict[str, list[ConfidenceSample]] = {}
    for name, rule in zip(protocols, rules, strict=True):
        of_map = rule.kind, rule.value, rule.mapped
        if of_map not in localizers:
            localizers[of_map] = Localizer(evaluator.map_of(rule.map_name), bundle, encoders=evaluator.encoders)
        views = _views([(drive, evaluator.scene.camera, rule.camera)], localizers[of_map], progress)
        samples[name] = [_sample(localizers[of_map], view, truth) for view, truth in views if truth is not None]
        if not any(samples.values()):
            raise EvaluationError(f"{drive.source}: no image shows anything: check exposure, lens and mounting")
    conditions = list(dict.fromkeys(rule.camera for rule in rules))
    localizer = next(iter(localizers.values()))
    others: list[_Recording] = [(other, None, camera) for camera in conditions for other in elsewhere]
    off_map = []
    if with_images_of_elsewhere:
        off_map = [_sample(localizer, view, None) for view, _ in _views(others, localizer, progress)]
    own: list[_Recording] = [(drive, evaluator.scene.camera, camera) for camera in conditions]
    for other in elsewhere:
        if sum(1 for _ in other.scans()) >= MIN_SCANS:
            its_options = options.model_copy(update={"camera": None})
            its_map = Evaluator(other, bundle, its_options, progress=progress).map_of(PROTOCOL)
            on_other = Localizer(its_map, bundle, encoders=evaluator.encoders)
            off_map += [_sample(on_other, view, None) for view, _ in _views(own, on_other, progress)]
    return {**samples, OFF_MAP: off_map}


def _comparing_as_fitted(bundle: ModelBundle) -> ModelBundle:
    """Return a model that compares as those do that will be fitted, whatever it was fitted to before."""
    confidence = bundle.spec.confidence_model.model_copy(update={"min_column_similarity": MIN_COLUMN_SIMILARITY})
    return replace(bundle, spec=bundle.spec.model_copy(update={"confidence_model": confidence}))


def _overlap(one: Drive, other: Drive) -> bool:
    """Return whether two drives are of one recording, and not different parts of it."""
    return drive_of(one.name) == drive_of(other.name) and (one.part == other.part or not (one.part and other.part))


def describe_samples(name: str, samples: Sequence[ConfidenceSample]) -> str:
    """Return in words what a confidence model was fitted to: samples of the drives with this name."""
    on_map = sum(sample.is_on_map for sample in samples)
    return f"{name} held out, {on_map} images on the map, {len(samples) - on_map} from elsewhere"


def _views(
    recordings: Sequence[_Recording], localizer: Localizer, progress: bool
) -> Iterator[tuple[EncodedView, PoseSE2 | None]]:
    """Yield the encoded images that have content, and the poses of the base where known.

    Args:
        recordings: each with the camera whose images are taken (None: the first one that has images), and the
            conditions of its images. What the camera does not allow is left out.
        localizer: encodes the images.
        progress: show a progress bar.
    """
    images = [image for recording in recordings for image in _images(*recording)]
    for read, mounted, T_map_base in tqdm(images, desc="images", disable=not progress, leave=False):
        try:
            view = localizer.encode(read(), mounted)
        except LiplocError as error:
            warn_once(f"{error}: the image is left out")
            continue
        if view is not None:
            yield view, None if T_map_base is None else se2_of(T_map_base)


def _images(
    drive: Drive, camera: str | None, conditions: CameraConditions
) -> list[tuple[Callable[[], NDArray[np.uint8]], MountedCamera, Pose | None]]:
    """Return the images of a drive under conditions, to be read, with the camera and the pose of the base."""
    first = next((c for c in drive.cameras if any(c in frame.images for frame in drive.frames)), None)
    name = conditions.camera_of(drive, camera or first)
    if name is None:
        return []
    try:
        changed = conditions.apply(drive, name)
    except EvaluationError:
        return []
    frames = [frame for frame in changed.frames if name in frame.images]
    return [(frame.images[name], changed.cameras[name], frame.T_map_base) for frame in frames]


def _sample(localizer: Localizer, view: EncodedView, truth: PoseSE2 | None) -> ConfidenceSample:
    matches = localizer.match(view)
    length = localizer.lidar_map.drawn_length
    return ConfidenceSample(
        matches.poses, matches.row_scores, matches.lateral, matches.similarity, matches.seen, truth, length
    )
