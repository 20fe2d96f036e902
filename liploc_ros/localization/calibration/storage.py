"""Where a calibration is kept: in a model bundle, in a map, or in a JSON file of its own."""

from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from liploc_ros.encoders import ModelBundle
from liploc_ros.encoders.bundle import SPEC_FILE
from liploc_ros.encoders.spec import ConfidenceModel
from liploc_ros.localization.calibration.fit import CalibrationError
from liploc_ros.mapping.manifest import MANIFEST, Manifest, read_manifest

Kind = Literal["bundle", "map", "file"]


def kind_of(path: Path) -> Kind:
    """Say what a calibration at ``path`` is a part of; a file need not be there yet.

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


def check_writable(path: Path, model: ModelBundle) -> None:
    """Make sure that a calibration can be written to ``path``, before the work for it is done.

    Raises:
        CalibrationError: it is none of what :func:`kind_of` knows, or a map of another model.
        LiplocError: a bundle or map that cannot be read.
    """
    kind = kind_of(path)
    if kind == "bundle":
        ModelBundle.load(path)
    if kind == "map" and (made_by := read_manifest(path)).model_id != model.id:
        raise CalibrationError(
            f"{path}: made by model {made_by.model_id[:12]} ({made_by.model_name}), this is {model.id[:12]} "
            f"({model.spec.name}): give the --model that it was made by"
        )


def rows_of(path: Path) -> int | None:
    """Return the length of a trial's rows that fits the bundle or map; None where any does.

    Raises:
        LiplocError: see :func:`check_writable`.
    """
    kind = kind_of(path)
    if kind == "file":
        return None
    described = read_manifest(path) if kind == "map" else ModelBundle.load(path).spec
    return 2 * (described.layout if isinstance(described, Manifest) else described).rows


def write_confidence_model(path: Path, confidence_model: ConfidenceModel) -> None:
    """Put a calibration into a bundle's model.json, a map's manifest, or a file; maps and bundles stay valid.

    Raises:
        CalibrationError: it cannot be written.
        LiplocError: see :func:`check_writable`.
    """
    kind = kind_of(path)
    if kind == "bundle":
        spec = ModelBundle.load(path).spec.model_copy(update={"confidence_model": confidence_model})
        path, text = path / SPEC_FILE, spec.model_dump_json(indent=2)
    elif kind == "map":
        manifest = read_manifest(path).model_copy(update={"confidence_model": confidence_model})
        path, text = path / MANIFEST, manifest.model_dump_json(indent=2)
    else:
        text = confidence_model.model_dump_json(indent=2)
    draft = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text + "\n")
        draft.replace(path)
    except OSError as error:
        raise CalibrationError(f"{path}: cannot be written ({error.strerror}): choose another place") from error


def read_confidence_model(path: Path) -> ConfidenceModel | None:
    """Return the calibration of a bundle, a map or a file; None if the map has none of its own.

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
        raise CalibrationError(f"{path}: {error.strerror}: fit one with `liploc evaluate --calibrate`") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = "".join(f"{part}: " for part in first["loc"])
        raise CalibrationError(f"{path}: {where}{first['msg']}: fit it again") from error
