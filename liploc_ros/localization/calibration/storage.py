# Copyright 2026 liploc_ros contributors
# SPDX-License-Identifier: Apache-2.0

"""Where a confidence model is stored: in a model bundle, in a map, or in a JSON file of its own."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.bundle import SPEC_FILE
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.files import write_file
from liploc_ros.localization.calibration.fit import CalibrationError
from liploc_ros.mapping.manifest import MANIFEST, read_manifest, write_manifest
from liploc_ros.mapping.search.map_features import check_model
from liploc_ros.schema import first_fault

Kind = Literal["bundle", "map", "file"]


def kind_of(path: Path) -> Kind:
    """Return what is at ``path``; a JSON file need not exist yet.

    Raises:
        CalibrationError: neither a bundle, nor a map, nor the name of a JSON file.
    """
    if (path / SPEC_FILE).is_file():
        return "bundle"
    if (path / MANIFEST).is_file():
        return "map"
    if path.suffix == ".json" and not path.is_dir():
        return "file"
    raise CalibrationError(f"{path}: give the folder of a model bundle or of a map, or a name that ends in .json")


def check_target(path: Path, bundle: ModelBundle) -> None:
    """Check that a confidence model can be written to ``path``, before the work for it is done.

    Raises:
        CalibrationError: see :func:`kind_of`.
        MapError: a map that was built by another model.
        LiplocError: a bundle or map that cannot be read.
    """
    kind = kind_of(path)
    if kind == "bundle":
        ModelBundle.load(path)
    elif kind == "map":
        check_model(read_manifest(path), bundle, str(path))


def row_scores_of(path: Path) -> int | None:
    """Return the number of row scores of a sample that fits the bundle or map; None for a JSON file.

    Raises:
        LiplocError: see :func:`check_target`.
    """
    kind = kind_of(path)
    if kind == "file":
        return None
    layout = read_manifest(path).layout if kind == "map" else ModelBundle.load(path).spec
    return 2 * layout.rows


def write_confidence_model(path: Path, confidence_model: ConfidenceModel) -> None:
    """Store a confidence model in a bundle's model.json, a map's manifest, or a file; maps and bundles stay valid.

    Raises:
        FileError: it cannot be written.
        LiplocError: see :func:`check_target`.
    """
    kind = kind_of(path)
    if kind == "bundle":
        spec = ModelBundle.load(path).spec.model_copy(update={"confidence_model": confidence_model})
        write_file(path / SPEC_FILE, spec.model_dump_json(indent=2) + "\n")
    elif kind == "map":
        write_manifest(path, read_manifest(path).model_copy(update={"confidence_model": confidence_model}))
    else:
        write_file(path, confidence_model.model_dump_json(indent=2) + "\n")


def read_confidence_model(path: Path) -> ConfidenceModel | None:
    """Return the confidence model of a bundle, a map or a file; None for a map without one of its own.

    Raises:
        CalibrationError: there is none, or a damaged one.
        LiplocError: a bundle or map that cannot be read.
    """
    kind = kind_of(path)
    if kind == "bundle":
        return ModelBundle.load(path).spec.confidence_model
    if kind == "map":
        return read_manifest(path).confidence_model
    try:
        return ConfidenceModel.model_validate_json(path.read_bytes())
    except OSError as error:
        raise CalibrationError(f"{path}: {error.strerror}: fit one with `liploc calibrate`") from error
    except ValidationError as error:
        raise CalibrationError(f"{path}: {first_fault(error)}: fit it again") from error
