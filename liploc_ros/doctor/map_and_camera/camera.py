# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""A camera: its calibration, and how much of the model's angular grid it sees."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import yaml

from liploc_ros.doctor.examination import Examination
from liploc_ros.doctor.finding import Finding, error, of_error, ok, warn
from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.inputs import camera_cell_mask
from liploc_ros.files import expand_path
from liploc_ros.geometry import FisheyeCamera, MountedCamera, PinholeCamera
from liploc_ros.geometry.cameras import describe_implausible
from liploc_ros.localization.acceptance import MIN_COVERAGE
from liploc_ros.views import CameraViewer

FEW_CELLS = 0.8
"""Share of the grid below which few images are accepted: at 75 % (crop-60 in docs/benchmarks.md) 5 to 20 of 100."""
STEEP = 0.8  # sine of the elevation of the optical axis; a camera of a vehicle looks along the road


def check_cameras(examination: Examination) -> Iterable[Finding]:
    """Check the calibration files."""
    for path, camera in examination.cameras.items():
        if not isinstance(camera, MountedCamera):
            yield of_error(camera)
            continue
        if isinstance(camera.camera, PinholeCamera | FisheyeCamera) and (doubt := describe_implausible(camera.camera)):
            problem, _, reason = doubt.partition(": ")
            yield warn(f"{path}: {problem} ({reason})", "calibrate at the size of the images")
        if not _has_mount(path):
            yield warn(
                f"{path}: has no key mount: the camera is taken to be at the origin of the base frame, looking forward",
                "add mount: {translation: [x, y, z], rotation: [x, y, z, w]} of the optical frame",
            )
        if isinstance(examination.bundle, ModelBundle):
            yield view_coverage(str(path), camera, examination.bundle)


def view_coverage(name: str, camera: MountedCamera, bundle: ModelBundle) -> Finding:
    """Return how much of the grid of the model a camera sees, at its mount."""
    spec, size = bundle.spec, f"{camera.camera.width} x {camera.camera.height} pixels"
    if spec.embeds_whole_image:
        return ok(f"{name}: {size}; {spec.name} uses whole images, whatever they show")
    mask = CameraViewer(spec.grid, camera, camera.optical_axis_yaw).mask
    cells = camera_cell_mask(mask, spec.stride)
    view = f"{spec.grid.azimuth_deg:g} x {spec.grid.up_deg - spec.grid.down_deg:g} degrees"
    seen = f"{name}: {size}, sees {cells.mean():.0%} of the view of {view}"
    axis = camera.T_base_camera[:3, 2]
    elevation = np.rad2deg(np.arcsin(np.clip(axis[2], -1, 1)))
    pose = f"looking to yaw {np.rad2deg(camera.optical_axis_yaw):.0f}, elevation {elevation:.0f} degrees"
    remedy = "check the rotation of the mount, and the calibration"
    if abs(axis[2]) > STEEP:
        remedy = "give the mount of the optical frame (z forward, x right, REP-103), not of the camera's body"
    if mask.mean() < MIN_COVERAGE:
        return error(f"{seen}, {pose}: no image can be localized", remedy)
    if cells.mean() < FEW_CELLS:
        columns, rows = cells.any(axis=0).mean(), cells.any(axis=1).mean()
        part = f"{columns:.0%} of the width, {rows:.0%} of the height"
        return warn(f"{seen} ({part}), {pose}: few images are accepted", f"use a wider lens, or {remedy}")
    return ok(f"{seen}, {pose}")


def _has_mount(path: Path) -> bool:
    documents = yaml.safe_load_all(expand_path(path).read_text(encoding="utf-8-sig"))
    content = next((document for document in documents if document is not None), None)
    return isinstance(content, dict) and "mount" in content
