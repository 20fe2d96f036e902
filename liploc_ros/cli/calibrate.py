# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""``liploc calibrate``: fit the confidence model of a bundle or map."""

from pathlib import Path
from typing import Annotated

import typer

from liploc_ros.cli.options import (
    LATERAL_REACH,
    LATERAL_SPACING,
    PLACE_SPACING,
    SCANS_PER_PLACE,
    CameraOption,
    LateralReachOption,
    LateralSpacingOption,
    ModelOption,
    PlaceSpacingOption,
    ScansPerPlaceOption,
)
from liploc_ros.cli.recording import RecordingOptions, with_recording_options
from liploc_ros.cli.terminal import start_work


@with_recording_options
def calibrate(
    target: Annotated[
        Path, typer.Argument(help="Where the confidence model is written: model bundle, map, or .json file.")
    ],
    drive: Annotated[
        Path | None, typer.Argument(help="Recording that the model was not trained on. Not needed with --samples.")
    ] = None,
    elsewhere: Annotated[
        list[Path] | None,
        typer.Option(help="Recording of other places, whose images must be rejected. Can be repeated."),
    ] = None,
    samples: Annotated[
        list[Path] | None, typer.Option(help="samples.npz of an earlier run, fitted as well. Can be repeated.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder in which the samples of DRIVE are kept.")] = Path("out/calibration"),
    protocol: Annotated[
        list[str] | None,
        typer.Option(help="Protocol by which DRIVE is localized, see `liploc evaluate`. Default: a set of conditions."),
    ] = None,
    model: ModelOption = None,
    place_spacing: PlaceSpacingOption = PLACE_SPACING,
    lateral_reach: LateralReachOption = LATERAL_REACH,
    lateral_spacing: LateralSpacingOption = LATERAL_SPACING,
    scans_per_place: ScansPerPlaceOption = SCANS_PER_PLACE,
    code_features: Annotated[
        bool, typer.Option(help="Compare with coded features, as in maps of a model that has a coding.")
    ] = True,
    camera: CameraOption = None,
    recording: RecordingOptions = RecordingOptions(),  # noqa: B008  frozen
) -> None:
    """Fit the confidence model of a bundle or map to a drive.

    The confidence model holds the score weights, confidence, thresholds and covariance.

    Each image of the drive is compared with a map of that drive, from scans at least 8 m away: as it is, with a
    narrower or covered view, blurred, dark, grey, with a wrong mount, and from other lanes. The comparisons are kept
    as samples.npz, so that several drives can be fitted together: give the files with --samples.
    """
    start_work()
    from liploc_ros.cli.inputs.evaluation import evaluation_options
    from liploc_ros.cli.inputs.samples import SampleSet, record_samples
    from liploc_ros.datasets import open_drive, open_sources
    from liploc_ros.encoders import ModelBundle
    from liploc_ros.evaluation.confidence_samples import PROTOCOLS, describe_samples
    from liploc_ros.evaluation.provenance import is_in_training
    from liploc_ros.files import check_writable
    from liploc_ros.learning.export.model_card import update_model_card
    from liploc_ros.localization.calibration.fit import fit_confidence_model
    from liploc_ros.localization.calibration.outcomes import summarize
    from liploc_ros.localization.calibration.samples import SAMPLES_FILE, SampleError
    from liploc_ros.localization.calibration.storage import check_target, kind_of, row_scores_of, write_confidence_model

    options = evaluation_options(
        place_spacing=place_spacing,
        lateral_reach=lateral_reach,
        lateral_spacing=lateral_spacing,
        scans_per_place=scans_per_place,
        code_features=code_features,
        camera=camera,
    )
    bundle = ModelBundle.load(model)
    check_target(target, bundle)
    if drive is None and not samples:
        raise SampleError("nothing to fit to: give a DRIVE, or --samples of an earlier `liploc calibrate`")
    if drive is None and elsewhere:
        raise SampleError("--elsewhere needs a DRIVE, on whose map its images are tried: give a DRIVE")
    if drive is not None:
        check_writable(out / SAMPLES_FILE)
    gathered = SampleSet()
    for file in samples or []:
        gathered.add_file(file, row_scores_of(target), str(target))
    if drive is not None:
        opened = open_drive(drive, recording.topics(), options=recording.options())
        others = [other for path in elsewhere or [] for other in open_sources(path)]
        file, count = record_samples(gathered, opened, others, bundle, options, out, protocol or PROTOCOLS)
        typer.echo(f"{file}: {count} samples")
        if is_in_training(opened.name, bundle.spec.training.drives):
            typer.echo(f"{opened.name}: the model was TRAINED on this drive: its confidence will be too high elsewhere")
    spacing = gathered.spacing or options.spacing
    source = describe_samples(", ".join(gathered.names), gathered.samples)
    confidence_model = fit_confidence_model(gathered.samples, spacing, source)
    write_confidence_model(target, confidence_model)
    if kind_of(target) == "bundle":
        update_model_card(target, confidence_model)
    typer.echo(summarize(gathered.samples, confidence_model, spacing))
    typer.echo(
        f"{target}: accepts from confidence {confidence_model.min_confidence:g} and margin "
        f"{confidence_model.min_margin:g}; fitted to {confidence_model.source}"
    )
