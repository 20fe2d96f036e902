"""Trials of a model on a drive that it did not train on: what its calibration is fitted to."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from liploc_ros.datasets.drive import Drive
from liploc_ros.encoders import Encoders, ModelBundle
from liploc_ros.evaluation.evaluator import Evaluator
from liploc_ros.evaluation.options import EvaluationError, EvaluationOptions
from liploc_ros.evaluation.provenance import drive_of
from liploc_ros.geometry import MountedCamera
from liploc_ros.geometry.se2 import PoseSE2, se2_of
from liploc_ros.localization import LocalizerConfig
from liploc_ros.localization.acceptance import shows_something
from liploc_ros.localization.calibration.samples import ConfidenceSample
from liploc_ros.localization.feature_comparison import weights_of
from liploc_ros.localization.hypotheses import base_poses
from liploc_ros.localization.matching import refine
from liploc_ros.mapping import LidarMap

PROTOCOL = "gap-8"  # no place is drawn from a scan near the image, as a map is not
LEAST_SCANS = 10  # of a recording that is made a map of


@dataclass(frozen=True)
class _View:
    """An image as the localizer sees it.

    Attributes:
        features: (h, w, D) masked unit vectors.
        mounted: its camera.
        heading: yaw [rad] in the base frame along which it was drawn.
        pose: (3,) of the base in its drive's map frame, or None where that is not known.
    """

    features: NDArray[np.float32]
    mounted: MountedCamera
    heading: float
    pose: PoseSE2 | None


def gather_samples(
    drive: Drive,
    elsewhere: Sequence[Drive],
    bundle: ModelBundle,
    options: EvaluationOptions = EvaluationOptions(),  # noqa: B008  frozen
    *,
    progress: bool = False,
) -> list[ConfidenceSample]:
    """Return what the localizer compares on a drive's map: the drive's images, and images of other places.

    Every heading is searched. Images of the other recordings are tried on the drive's map, and the drive's on maps of
    those recordings that have at least 10 scans with poses. Images that show nothing are left out.

    Args:
        drive: that the model did not train on.
        elsewhere: recordings of other places; they may be of a single frame each.
        bundle: the model.
        options: camera of the drive, spacing of places [m], and scans that each is drawn from.
        progress: show bars.

    Raises:
        EvaluationError: the drive has no images, scans or poses, is too short, or is among those of other places.
        LiplocError: an image or scan cannot be read.
    """
    if any(drive_of(other.name) == drive_of(drive.name) for other in elsewhere):
        raise EvaluationError(f"{drive.name} is given as elsewhere too: give drives of other places")
    config, encoders = LocalizerConfig(), bundle.encoders()
    evaluator = Evaluator(drive, bundle, options, progress=progress)
    own = list(_views(drive, encoders, evaluator.scene.camera, progress))
    if not own:
        raise EvaluationError(f"{drive.source}: no image shows anything: check exposure, lens and mounting")
    lidar_map = evaluator.map_of(PROTOCOL)
    trials = [_trial(view, lidar_map, bundle, config, view.pose) for view in own if view.pose is not None]
    for other in elsewhere:
        views = _views(other, encoders, None, progress)
        trials += [_trial(view, lidar_map, bundle, config, None) for view in views]
    for other in elsewhere:
        if sum(1 for _ in other.scans()) >= LEAST_SCANS:
            of_other = Evaluator(other, bundle, options.model_copy(update={"camera": None}), progress=progress)
            foreign = of_other.map_of(PROTOCOL)
            trials += [_trial(view, foreign, bundle, config, None) for view in own]
    return trials


def source_of(name: str, trials: Sequence[ConfidenceSample]) -> str:
    """Return in words what a calibration was fitted to: trials on the drives of this name."""
    elsewhere = sum(trial.truth is None for trial in trials)
    return f"{name} held out, {len(trials) - elsewhere} images on the map, {elsewhere} from elsewhere"


def _views(drive: Drive, encoders: Encoders, camera: str | None, progress: bool) -> Iterator[_View]:
    """Yield the images of one camera that show something; of the first that has any when none is given."""
    name = camera or next((c for c in drive.cameras if any(c in frame.images for frame in drive.frames)), None)
    if name is None:
        return
    mounted = drive.cameras[name]
    axis = mounted.T_base_camera[:3, 2]
    heading = float(np.arctan2(axis[1], axis[0]))
    viewer = encoders.viewer(mounted, heading)
    frames = [frame for frame in drive.frames if name in frame.images]
    for frame in tqdm(frames, desc=f"images of {drive.name}", disable=not progress or len(frames) == 1, leave=False):
        view = viewer.draw(frame.images[name]())
        if shows_something(view):
            pose = None if frame.T_map_base is None else se2_of(frame.T_map_base)
            yield _View(encoders.encode_camera(view), mounted, heading, pose)


def _trial(
    view: _View, lidar_map: LidarMap, bundle: ModelBundle, config: LocalizerConfig, truth: PoseSE2 | None
) -> ConfidenceSample:
    weights = weights_of(bundle.spec.confidence_model, lidar_map.features.shape[1])
    candidates = lidar_map.index.search(view.features, config.candidates)
    matches = refine(candidates, view.features, lidar_map, config.heading_reach, weights)
    poses = se2_of(base_poses(matches, lidar_map, view.mounted, view.heading))
    return ConfidenceSample(poses, matches.rows, matches.similarity, truth, lidar_map.drawn_length)
