# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Gather confidence samples of a model on a drive that it was not trained on."""

from collections.abc import Iterator, Sequence

from tqdm import tqdm

from liploc_ros.datasets.drive import Drive
from liploc_ros.datasets.left_out import warn_once
from liploc_ros.encoders import ModelBundle
from liploc_ros.errors import LiplocError
from liploc_ros.evaluation.evaluator import Evaluator
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.provenance import drive_of
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization import EncodedView, Localizer
from liploc_ros.localization.calibration.samples import ConfidenceSample

PROTOCOL = "gap-8"  # no place is drawn from a scan near the image; the same holds for a map
MIN_SCANS = 10  # of a recording that becomes a map for off-map images


def gather_samples(
    drive: Drive,
    elsewhere: Sequence[Drive],
    bundle: ModelBundle,
    options: EvaluationOptions = EvaluationOptions(),  # noqa: B008  frozen
    *,
    progress: bool = False,
) -> list[ConfidenceSample]:
    """Return samples of on-map and off-map images; every heading is searched.

    On-map images are those of the drive on its own map. Off-map images are those of the other recordings on the drive's
    map, and those of the drive on maps of the other recordings that have at least 10 scans with poses. Images without
    content are left out.

    Args:
        drive: that the model was not trained on.
        elsewhere: recordings of other places; they may have a single frame each.
        bundle: the model.
        options: camera of the drive, place spacing [m], and scans per place.
        progress: show progress bars.

    Raises:
        EvaluationError: the drive has no images, scans or poses, is too short, or is also given as elsewhere.
        LiplocError: an image or scan cannot be read.
    """
    if any(drive_of(other.name) == drive_of(drive.name) for other in elsewhere):
        raise EvaluationError(f"{drive.name} is given as elsewhere too: give drives of other places")
    evaluator = Evaluator(drive, bundle, options, progress=progress)
    localizer = Localizer(evaluator.map_of(PROTOCOL), bundle, encoders=evaluator.encoders)
    own = list(_views(drive, localizer, evaluator.scene.camera, progress))
    if not own:
        raise EvaluationError(f"{drive.source}: no image shows anything: check exposure, lens and mounting")
    samples = [_sample(localizer, view, truth) for view, truth in own if truth is not None]
    for other in elsewhere:
        samples += [_sample(localizer, view, None) for view, _ in _views(other, localizer, None, progress)]
    for other in elsewhere:
        if sum(1 for _ in other.scans()) >= MIN_SCANS:
            its_options = options.model_copy(update={"camera": None})
            its_map = Evaluator(other, bundle, its_options, progress=progress).map_of(PROTOCOL)
            on_other = Localizer(its_map, bundle, encoders=evaluator.encoders)
            samples += [_sample(on_other, view, None) for view, _ in own]
    return samples


def describe_samples(name: str, samples: Sequence[ConfidenceSample]) -> str:
    """Return in words what a confidence model was fitted to: samples of the drives with this name."""
    on_map = sum(sample.is_on_map for sample in samples)
    return f"{name} held out, {on_map} images on the map, {len(samples) - on_map} from elsewhere"


def _views(
    drive: Drive, localizer: Localizer, camera: str | None, progress: bool
) -> Iterator[tuple[EncodedView, PoseSE2 | None]]:
    """Yield the encoded images of one camera that have content, and the poses of the base where known.

    Without a camera the first one that has images is taken.
    """
    name = camera or next((c for c in drive.cameras if any(c in frame.images for frame in drive.frames)), None)
    if name is None:
        return
    frames = [frame for frame in drive.frames if name in frame.images]
    for frame in tqdm(frames, desc=f"images of {drive.name}", disable=not progress or len(frames) == 1, leave=False):
        try:
            image = frame.images[name]()
        except LiplocError as error:
            warn_once(f"{error}: the image is left out")
            continue
        view = localizer.encode(image, drive.cameras[name])
        if view is not None:
            yield view, None if frame.T_map_base is None else se2_of(frame.T_map_base)


def _sample(localizer: Localizer, view: EncodedView, truth: PoseSE2 | None) -> ConfidenceSample:
    matches = localizer.match(view)
    length = localizer.lidar_map.drawn_length
    return ConfidenceSample(matches.poses, matches.row_scores, matches.similarity, truth, length)
