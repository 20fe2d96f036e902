# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""The model bundle."""

from collections.abc import Iterable

from liploc_ros.doctor.examination import Examination
from liploc_ros.doctor.finding import Finding, of_error, ok, warn
from liploc_ros.encoders import DEFAULT_BUNDLE, ModelBundle


def check_model_bundle(examination: Examination) -> Iterable[Finding]:
    """Check the files of the model against their checksums."""
    bundle = examination.bundle
    if not isinstance(bundle, ModelBundle):
        yield of_error(bundle)
        return
    is_default = bundle.path == DEFAULT_BUNDLE
    licence = "; its weights exclude commercial use (CC BY-NC-SA 3.0)" if is_default else ""
    kind = "default model" if is_default else str(bundle.path)
    yield ok(f"{kind} {bundle.spec.name}, {bundle.id[:12]}: {len(bundle.spec.files)} files as recorded{licence}")
    if bundle.spec.coding is None:
        yield warn(
            f"{kind}: no coding: maps take ten times the space, and long maps are searched as a whole",
            "liploc fit-coding MODEL DRIVE",
        )
